
// ---- The engine of the tab, in the place of the arithmetic above: the numbers are those of `anygrad predict`.

import { TrainedModel } from "anygrad-engine";
import { load } from "anygrad-parts";

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const trained = load(held.code.map(bytesOf)).then(() => new TrainedModel(bytesOf(held.model)));

// Rows by the names of columns as a table.
function tableOf(rows) {
  const names = columns.map((column) => column.name);
  // A level that the model does not know.
  const cell = (value) => (value === "\u0000" ? "another \ufffd" : String(value ?? ""));
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const lines = [names, ...rows.map((row) => names.map((name) => cell(row[name])))];
  return new TextEncoder().encode(lines.map((line) => line.map(quoted).join(",")).join("\n") + "\n");
}

answersTo = async (rows) => {
  const model = await trained;
  const found = columns === null ? model.predict(Float32Array.from(rows.flat())) : model.predictTable(tableOf(rows), "rows");
  return JSON.parse(await found).map((answer) => {
    if (Array.isArray(answer)) return { values: named(target.names, answer) };
    const { class: label, probabilities, scores } = answer;
    return probabilities ? { label, probabilities: named(target.names, probabilities) } : { label, scores: named(target.names, scores) };
  });
};
