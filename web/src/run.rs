//! A run as JavaScript holds it.

use crate::answer::message;
use crate::command::{Command, Part};
use crate::mailbox::Mailbox;
use crate::task::Task;
use crate::{device, files, recipe};
use anygrad::Error;
use anygrad::backend::Device;
use anygrad::train::Trainer;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

/// A run. Requests are answered in the order in which they are made; each returns a promise.
#[wasm_bindgen]
pub struct Run {
    mailbox: Mailbox<Command>,
    is_on_cpu: bool,
}

#[wasm_bindgen]
impl Run {
    /// Opens a run by a recipe (TOML as in the program's config files, or the same as JSON) and files that it names, an
    /// object of `Uint8Array` by name: tables of text, a model to go on with.
    pub async fn open(
        text: String,
        #[wasm_bindgen(unchecked_param_type = "Record<string, Uint8Array> | undefined")] files: JsValue,
    ) -> Result<Run, JsValue> {
        let task = prepare(&text, &files).await.map_err(|error| message(&error))?;
        let is_on_cpu = matches!(task.choice.device, Device::Cpu);
        let mailbox = Mailbox::default();
        spawn_local(task.serve(mailbox.clone()));
        Ok(Run { mailbox, is_on_cpu })
    }

    /// Whether the processor trains.
    #[wasm_bindgen(getter, js_name = isOnCpu)]
    pub fn is_on_cpu(&self) -> bool {
        self.is_on_cpu
    }

    /// What the run is, as JSON: device and why, model, rows, what was taken for what, a forecast.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn describe(&self) -> Promise {
        self.mailbox.ask(Command::Describe)
    }

    /// Runs so many steps on, or to the end: `{ step, epoch, done, events, losses }` as JSON.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn steps(&self, count: u32) -> Promise {
        self.mailbox.ask(Command::Steps(count.into()))
    }

    /// Has the state kept, to which the run goes back if the device is lost.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn keep(&self) -> Promise {
        self.mailbox.ask(Command::Keep)
    }

    /// The figures on `train`, `validation` or `test` rows as JSON, as the program's `eval` gives them.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn evaluate(&self, part: &str) -> Promise {
        self.of_part(part, Command::Evaluate)
    }

    /// The last line of a run as JSON, as the program prints it; `seconds` is how long it took.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn outcome(&self, seconds: f64) -> Promise {
        self.mailbox.ask(Command::Outcome { seconds })
    }

    /// The outputs of each layer for rows of raw features, one `Float32Array` for each; the last has the model's.
    #[wasm_bindgen(unchecked_return_type = "Promise<Float32Array[]>")]
    pub fn view(&self, rows: Vec<f32>) -> Promise {
        self.mailbox.ask(Command::View(rows))
    }

    /// A step on one training row with the weights as they are, in formulas with their numbers, as JSON.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn explain(&self, row: u32) -> Promise {
        self.mailbox.ask(Command::Explain(row as usize))
    }

    /// The model's file as it stands, which the program reads.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn model(&self) -> Promise {
        self.mailbox.ask(Command::Model)
    }

    /// The hash of the weights.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn hash(&self) -> Promise {
        self.mailbox.ask(Command::Hash)
    }

    /// Everything that the rest of the run depends on.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn snapshot(&self) -> Promise {
        self.mailbox.ask(Command::Snapshot)
    }

    /// Goes on from a snapshot of the same run.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn restore(&self, snapshot: Vec<u8>) -> Promise {
        self.mailbox.ask(Command::Restore(snapshot))
    }

    /// Raw features and targets of `train`, `validation` or `test` rows.
    #[wasm_bindgen(
        unchecked_return_type = "Promise<{ width: number, features: Float32Array, labels?: Uint32Array, values?: Float32Array }>"
    )]
    pub fn rows(&self, part: &str) -> Promise {
        self.of_part(part, Command::Rows)
    }

    /// Loses the device, to try what happens then; nothing on the CPU.
    #[wasm_bindgen(js_name = loseDevice, unchecked_return_type = "Promise<void>")]
    pub fn lose_device(&self) -> Promise {
        self.mailbox.ask(Command::Lose)
    }
}

impl Run {
    fn of_part(&self, name: &str, command: impl FnOnce(Part) -> Command) -> Promise {
        match Part::named(name) {
            Ok(part) => self.mailbox.ask(command(part)),
            Err(error) => Promise::reject(&message(&error)),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

async fn prepare(text: &str, files: &JsValue) -> Result<Task, Error> {
    let (recipe, files) = (recipe::parse(text)?, files::of_object(files));
    let data = recipe.load_held(&files)?;
    let trainer = Trainer::of_held(recipe, &data, &files)?;
    if let Some(threshold) = trainer.recipe().train.threshold {
        threshold.check(trainer.recipe().loss()?, &data)?;
    }
    let choice = device::choose(&trainer.recipe().request()?).await?;
    Ok(Task { trainer, data, choice })
}
