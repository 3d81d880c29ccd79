//! The cells of a row as features, in C.

use super::super::expression::number;
use super::Writer;
use super::text::quoted;
use crate::data::{EncodedColumn, Encoding, TimePart};
use crate::export::is_text;

impl Writer<'_> {
    /// The function that turns the cells of a row into features.
    pub(super) fn features(&self) -> String {
        let Some(columns) = self.program.columns() else { return String::new() };
        let width = self.program.widths[0];
        let mut text = format!("static int encode(const struct {}_row *row, float x[{width}]) {{\n", self.prefix);
        if columns.iter().any(|column| matches!(column.encoding, Encoding::Category { .. } | Encoding::YesNo { .. })) {
            text += "    int at;\n";
        }
        if columns.iter().any(|column| matches!(column.encoding, Encoding::Time { .. })) {
            text += "    int part[7];\n";
        }
        let mut first = 0;
        for (index, (column, field)) in columns.iter().zip(&self.fields).enumerate() {
            text += &self.column(column, &format!("row->{field}"), first, index + 1);
            first += column.width();
        }
        text + "    return 0;\n}\n\n"
    }

    /// The features of one column; `place` is what is returned if its cell does not fit.
    fn column(&self, column: &EncodedColumn, cell: &str, first: usize, place: usize) -> String {
        let missing = if is_text(column) { format!("is_missing({cell})") } else { self.number_is_missing(cell) };
        let mut text = String::new();
        if self.program.refuses_missing() {
            text += &format!("    if ({missing}) return -{place};\n");
        }
        match &column.encoding {
            Encoding::Number { offset, fill } => {
                let fill = number(f64::from((fill - offset) as f32));
                let value = if *offset == 0.0 { cell.into() } else { format!("({cell} - {})", number(*offset)) };
                text += &format!("    x[{first}] = {missing} ? {fill}f : (float){value};\n");
            }
            Encoding::YesNo { fill } => {
                text += &format!("    at = {missing} ? {} : yes_or_no({cell});\n", u8::from(*fill));
                text += &format!("    if (at < 0) return -{place};\n    x[{first}] = (float)at;\n");
            }
            Encoding::Category { levels, others, fill } => {
                let count = levels.len();
                let known = count + usize::from(*others);
                let fill = if *fill < known { fill.to_string() } else { "-1".into() };
                let other = if *others { count.to_string() } else { "-1".into() };
                if count == 0 {
                    text += &format!("    at = {missing} ? {fill} : {other};\n");
                } else {
                    let names: Vec<String> = levels.iter().map(|level| quoted(level)).collect();
                    text += &format!(
                        "    {{\n        static const char *const levels[{count}] = {{{}}};\n",
                        names.join(", ")
                    );
                    text +=
                        &format!("        at = {missing} ? {fill} : find({cell}, levels, {count}, {other});\n    }}\n");
                }
                text += &format!("    if (at >= 0) x[{first} + at] = 1;\n");
            }
            Encoding::Time { parts, fill, .. } => {
                let fill: Vec<String> = TimePart::ALL.map(|part| part.of(*fill).to_string()).to_vec();
                text +=
                    &format!("    if ({missing}) {{\n        static const int filled[7] = {{{}}};\n", fill.join(", "));
                text += "        for (int i = 0; i < 7; i++) part[i] = filled[i];\n";
                text += &format!("    }} else if (!read_time({cell}, part)) return -{place};\n");
                for (i, part) in parts.iter().enumerate() {
                    let of_all = TimePart::ALL.iter().position(|other| other == part).unwrap_or(0);
                    text += &format!("    x[{}] = (float)part[{of_all}];\n", first + i);
                }
            }
        }
        if column.indicator {
            text += &format!("    x[{}] = {missing} ? 1 : 0;\n", first + column.width() - 1);
        }
        text
    }

    fn number_is_missing(&self, cell: &str) -> String {
        let words = self.program.model.encoder.as_ref().map(|e| &e.missing_values[..]).unwrap_or_default();
        let numbers = words.iter().filter_map(|word| word.trim().parse::<f64>().ok()).filter(|x| x.is_finite());
        let each: String = numbers.map(|x| format!(" || {cell} == {}", number(x))).collect();
        if each.is_empty() { format!("isnan({cell})") } else { format!("(isnan({cell}){each})") }
    }
}
