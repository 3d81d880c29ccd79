//! The engine of the tab inside of a page: its JavaScript as modules by name, its code and the model as base64.

use crate::error::{Error, Result};
use crate::export::base64::base64;
use crate::model::Model;
use serde_json::json;
use std::path::Path;

/// The engine that trains in browsers, as `scripts/web.sh build` makes it.
#[derive(Clone, Debug)]
pub struct Engine {
    glue: String,
    parts: String,
    code: [Vec<u8>; 3],
}

impl Engine {
    /// Reads the engine in a folder: `anygrad/` of what `scripts/web.sh build` makes, or the package for npm.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if one of its files is not there.
    pub fn read(folder: &Path) -> Result<Engine> {
        let bytes = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|_| {
                let expected = format!("a folder with {name}, as target/web/anygrad, which scripts/web.sh build makes");
                Error::option("engine", folder.display().to_string(), &expected)
            })
        };
        let text = |name: &str| Ok(String::from_utf8_lossy(&bytes(name)?).into_owned());
        Ok(Engine {
            glue: text("engine/anygrad.js")?,
            parts: text("parts.js")?,
            code: [
                bytes("engine/anygrad_bg.wasm")?,
                bytes("engine/anygrad_second.wasm")?,
                bytes("engine/anygrad_fused.wasm")?,
            ],
        })
    }

    /// What names its modules: an import map, to stand before the first module of a page.
    pub(super) fn import_map(&self) -> String {
        let address = |text: &str| format!("data:text/javascript;base64,{}", base64(text.as_bytes()));
        // Its files have no addresses there.
        let parts = self
            .parts
            .replace("\"./engine/anygrad.js\"", "\"anygrad-engine\"")
            .replace("import.meta.url", "\"file:///\"");
        let glue = self.glue.replace("\"../parts.js\"", "\"anygrad-parts\"").replace("import.meta.url", "\"file:///\"");
        let imports = json!({ "anygrad-parts": address(&parts), "anygrad-engine": address(&glue) });
        format!("<script type=\"importmap\">{}</script>\n", json!({ "imports": imports }))
    }

    /// What a page predicts with: the code and the model in base64, and the functions that use them.
    pub(super) fn script(&self, model: &Model) -> Result<String> {
        let code = self.code.each_ref().map(|part| base64(part));
        let held = json!({ "code": code, "model": base64(&model.to_bytes()?) });
        Ok(format!("const held = {held};\n{}", include_str!("engine.js")))
    }
}
