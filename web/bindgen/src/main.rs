//! Makes of a compiled crate what a browser loads: `bindgen INPUT.wasm FOLDER` writes `anygrad.js`, its declarations and
//! `anygrad_bg.wasm`.

use wasm_bindgen_cli_support::Bindgen;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder] = &arguments[..] else {
        eprintln!("usage: bindgen INPUT.wasm FOLDER");
        std::process::exit(2);
    };
    let written = Bindgen::new()
        .input_path(input)
        .out_name("anygrad")
        .web(true)
        .and_then(|bindgen| {
            // The names of functions stay until the module is divided.
            bindgen.typescript(true).remove_producers_section(true).generate(folder)
        });
    if let Err(error) = written {
        eprintln!("{input}: {error:#}");
        std::process::exit(1);
    }
}
