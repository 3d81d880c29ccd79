//! The `anygrad` program: reads the command line, runs one verb, turns its outcome into an exit code.

#![deny(unsafe_code)]

mod cli;

#[global_allocator]
static ALLOCATOR: cli::memory::Allocator = cli::memory::Allocator;

fn main() -> std::process::ExitCode {
    quieten_drivers();
    #[cfg(feature = "parquet")]
    {
        let tell = std::panic::take_hook();
        // What fails in a decoder is told as an error of the file.
        std::panic::set_hook(Box::new(move |panic| {
            if !anygrad::data::table::arrow::is_decoding() {
                tell(panic);
            }
        }));
    }
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    cli::run()
}

/// Keeps a layer of Mesa, which looks for a desktop, from printing `error: XDG_RUNTIME_DIR is invalid or not set` on
/// machines that have none.
#[allow(unsafe_code)]
fn quieten_drivers() {
    let has_desktop =
        std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| folder.as_encoded_bytes().starts_with(b"/"));
    if cfg!(target_os = "linux") && !has_desktop && std::env::var_os("NODEVICE_SELECT").is_none() {
        // SAFETY: this is the first thing that the program does, so no other thread reads the environment meanwhile.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
