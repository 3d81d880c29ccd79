// A worker that helps with matrix products: the loop on the memory of the engine, which has one job after the other for it.

self.onmessage = ({ data: { module, memory, team } }) => {
  new WebAssembly.Instance(module, { env: { memory } }).exports.work(team);
};
