
// ---- Answers to rows, by the arithmetic above.

let answersTo = async (rows) => rows.map(predict);
