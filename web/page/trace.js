// The losses of all steps of a run in bounded room: means over ever more steps.

const MOST = 2000;
const MOST_REPORTS = 4000;

/** Adds the report of an epoch, in bounded room: of many, every second of the older half goes. */
export function addReport(reports, report) {
  reports.push(report);
  if (reports.length <= MOST_REPORTS) return;
  const older = reports.splice(0, MOST_REPORTS / 2);
  reports.unshift(...older.filter((_, i) => i % 2 === 0));
}

export class LossTrace {
  /** Pairs of a place in epochs and a mean loss. */
  points = [];
  #each = 1;
  #sum = 0;
  #count = 0;

  /** Adds so many steps that end with number `last`, of which only the loss of the latest is known. */
  addLatest(loss, count, last, stepsOfEpoch) {
    this.add(new Array(count).fill(loss), last, stepsOfEpoch);
  }

  /** Adds the losses of the steps that end with number `last`. */
  add(losses, last, stepsOfEpoch) {
    losses.forEach((loss, i) => {
      this.#sum += loss;
      this.#count += 1;
      if (this.#count < this.#each) return;
      const step = last - losses.length + i + 1 - (this.#count - 1) / 2;
      this.points.push([step / stepsOfEpoch, this.#sum / this.#count]);
      [this.#sum, this.#count] = [0, 0];
    });
    if (this.points.length > MOST) {
      const half = [];
      for (let i = 0; i + 1 < this.points.length; i += 2) {
        const [[a, b], [c, d]] = [this.points[i], this.points[i + 1]];
        half.push([(a + c) / 2, (b + d) / 2]);
      }
      this.points = half;
      this.#each *= 2;
    }
  }
}
