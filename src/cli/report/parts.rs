//! What a report is made of: sections with sentences, figures, tables and pictures.

use crate::cli::picture::Scene;

/// A part of the page under a heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// Names it in the page's own links.
    pub id: &'static str,
    pub title: &'static str,
    pub items: Vec<Item>,
}

/// What stands in a section.
#[derive(Clone, Debug)]
pub enum Item {
    /// A sentence or several.
    Text(String),
    /// A sentence that must not be overlooked.
    Notice(String),
    /// Numbers with their names and meanings.
    Tiles(Vec<Tile>),
    Figure(Figure),
    /// What stands beside pictures where there is room.
    Beside(Vec<Item>),
    Table(Table),
    List(Vec<String>),
    /// Text as it is, under a line that opens it.
    Code {
        title: &'static str,
        text: String,
        is_open: bool,
    },
    Cards(Vec<Card>),
}

/// A number.
#[derive(Clone, Debug)]
pub struct Tile {
    pub name: String,
    pub value: f64,
    pub text: String,
    pub meaning: String,
}

/// A picture and how to read it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What its file is called.
    pub name: String,
    pub scene: Scene,
    pub caption: String,
}

/// Cells in rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Whether its cells are words, which are broken into lines.
    pub is_words: bool,
}

/// A mistake as a picture.
#[derive(Clone, Debug)]
pub struct Card {
    /// A PNG file.
    pub image: Vec<u8>,
    pub lines: Vec<String>,
}

impl Section {
    /// A section without content.
    pub fn new(id: &'static str, title: &'static str) -> Section {
        Section { id, title, items: Vec::new() }
    }

    /// Adds a sentence.
    pub fn say(&mut self, text: impl Into<String>) {
        self.items.push(Item::Text(text.into()));
    }

    /// Adds a picture.
    pub fn show(&mut self, name: impl Into<String>, scene: Scene, caption: impl Into<String>) {
        self.items.push(Item::Figure(Figure { name: name.into(), scene, caption: caption.into() }));
    }

    /// Adds a table.
    pub fn list<H: Into<String>>(&mut self, head: impl IntoIterator<Item = H>, rows: Vec<Vec<String>>) {
        self.items.push(Item::Table(Table { head: head.into_iter().map(Into::into).collect(), rows, is_words: false }));
    }

    /// The pictures.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.items.iter().filter_map(|item| match item {
            Item::Figure(figure) => Some(figure),
            _ => None,
        })
    }
}
