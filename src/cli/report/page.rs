//! The sections of a report as one page of HTML that needs nothing else.

use super::parts::{Card, Figure, Item, Section, Table, Tile};
use crate::cli::picture::{Colors, INKS, escape};
use anygrad::error::escaped;

/// Most bytes of a page.
pub const MOST_BYTES: usize = 500_000;
/// What tells a page of this program from other files.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"anygrad report\">";

/// The page. If it were too large, its largest pictures would be left out.
pub fn page(title: &str, lead: &str, mut sections: Vec<Section>) -> String {
    loop {
        let html = write(title, lead, &sections);
        if html.len() <= MOST_BYTES {
            return html;
        }
        let length = |item: &Item| match item {
            Item::Figure(figure) => figure.scene.svg(Colors::OfPage).len(),
            Item::Cards(cards) => cards.iter().map(|card| card.image.len() * 4 / 3).sum(),
            Item::Code { text, .. } => text.len(),
            _ => 0,
        };
        let Some(largest) = sections.iter_mut().flat_map(|section| &mut section.items).max_by_key(|item| length(item))
        else {
            return html;
        };
        if length(largest) == 0 {
            return html;
        }
        *largest = Item::Text("A picture stood here that would have made the page too large.".into());
    }
}

fn write(title: &str, lead: &str, sections: &[Section]) -> String {
    let mut html = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.push_str(GENERATOR);
    html.push_str(&format!(
        "\n<title>{}</title>\n<style>\n{}\n{}</style>\n",
        text(title),
        colors(),
        include_str!("style.css")
    ));
    html.push_str(&format!("</head>\n<body>\n<main>\n<h1>{}</h1>\n<p>{}</p>\n<nav>", text(title), text(lead)));
    for section in sections {
        html.push_str(&format!("<a href=\"#{}\">{}</a>", section.id, text(section.title)));
    }
    html.push_str("</nav>\n");
    for section in sections {
        html.push_str(&format!("<section id=\"{}\">\n<h2>{}</h2>\n", section.id, text(section.title)));
        put_items(&mut html, &section.items);
        html.push_str("</section>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// A text from anywhere as HTML has it, control characters escaped.
fn text(raw: &str) -> String {
    escape(&escaped(raw))
}

/// The inks for light and dark grounds.
fn colors() -> String {
    let of = |pick: fn(&(&str, u32, u32)) -> u32| {
        INKS.iter().map(|ink| format!("--{}:#{:06x};", ink.0, pick(ink))).collect::<String>()
    };
    let (light, dark) = (of(|ink| ink.1), of(|ink| ink.2));
    format!(":root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}")
}

/// Items in their order; pictures that follow each other stand beside each other.
fn put_items(html: &mut String, items: &[Item]) {
    let mut in_figures = false;
    for item in items {
        let is_figure = matches!(item, Item::Figure(_) | Item::Beside(_));
        if is_figure != in_figures {
            html.push_str(if is_figure { "<div class=\"figures\">\n" } else { "</div>\n" });
            in_figures = is_figure;
        }
        put_item(html, item);
    }
    if in_figures {
        html.push_str("</div>\n");
    }
}

fn put_item(html: &mut String, item: &Item) {
    match item {
        Item::Text(words) => html.push_str(&format!("<p>{}</p>\n", text(words))),
        Item::Notice(words) => html.push_str(&format!("<p class=\"notice\">{}</p>\n", text(words))),
        Item::Tiles(tiles) => {
            html.push_str("<div class=\"tiles\">\n");
            tiles.iter().for_each(|tile| put_tile(html, tile));
            html.push_str("</div>\n");
        }
        Item::Figure(Figure { scene, caption, .. }) => {
            let svg = scene.svg(Colors::OfPage);
            html.push_str(&format!("<figure>{svg}<figcaption>{}</figcaption></figure>\n", text(caption)));
        }
        Item::Beside(items) => {
            html.push_str("<div class=\"beside\">\n");
            items.iter().for_each(|item| put_item(html, item));
            html.push_str("</div>\n");
        }
        Item::Table(table) => put_table(html, table),
        Item::List(lines) => {
            let lines: String = lines.iter().map(|line| format!("<li>{}</li>\n", text(line))).collect();
            html.push_str(&format!("<ul>\n{lines}</ul>\n"));
        }
        Item::Code { title, text: code, is_open } => {
            let open = if *is_open { " open" } else { "" };
            let lines: Vec<String> = code.split('\n').map(text).collect();
            let code = lines.join("\n");
            html.push_str(&format!("<details{open}><summary>{}</summary><pre>{code}</pre></details>\n", text(title)));
        }
        Item::Cards(cards) => {
            html.push_str("<div class=\"cards\">\n");
            cards.iter().for_each(|card| put_card(html, card));
            html.push_str("</div>\n");
        }
    }
}

fn put_tile(html: &mut String, tile: &Tile) {
    let Tile { name, value, text: number, meaning } = tile;
    html.push_str(&format!(
        "<div class=\"tile\"><span>{}</span><b><data value=\"{value}\">{}</data></b><span class=\"faint\">{}</span></div>\n",
        text(name),
        text(number),
        text(meaning)
    ));
}

fn put_table(html: &mut String, table: &Table) {
    let class = if table.is_words { " class=\"words\"" } else { "" };
    html.push_str(&format!("<div class=\"wide\"><table{class}>\n"));
    if !table.head.is_empty() {
        let cells: String = table.head.iter().map(|cell| format!("<th>{}</th>", text(cell))).collect();
        html.push_str(&format!("<thead><tr>{cells}</tr></thead>\n"));
    }
    html.push_str("<tbody>\n");
    for row in &table.rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", text(cell))).collect();
        html.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    html.push_str("</tbody></table></div>\n");
}

fn put_card(html: &mut String, card: &Card) {
    let image = base64(&card.image);
    let words = card.lines.join(", ");
    html.push_str(&format!("<div class=\"card\"><img alt=\"{}\" src=\"data:image/png;base64,{image}\">", text(&words)));
    for line in &card.lines {
        html.push_str(&format!("<div>{}</div>", text(line)));
    }
    html.push_str("</div>\n");
}

/// Bytes as text, three in four signs.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate().fold(0u32, |bits, (i, &byte)| bits | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= three.len() { char::from(sign) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
