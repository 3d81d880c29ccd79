//! A run that goes on in parts: it owns the rows, the trainer and the session, and answers requests one after the other.

use crate::answer::{bytes, floats, progress, text};
use crate::command::{Command, Part};
use crate::mailbox::Mailbox;
use crate::view;
use anygrad::Result;
use anygrad::backend::gpu::{Call, Failure, Injection};
use anygrad::backend::{Choice, Device};
use anygrad::data::{Split, Targets};
use anygrad::model::Evaluation;
use anygrad::train::{Event, Session, Snapshot, Trainer};
use js_sys::{Array, Object, Reflect};
use std::sync::mpsc::{Receiver, channel};
use wasm_bindgen::JsValue;

/// A run with what it is made of.
pub struct Task {
    pub trainer: Trainer,
    pub data: Split,
    pub choice: Choice,
}

/// A run that is under way.
pub struct Running<'d> {
    pub trainer: Trainer,
    pub data: &'d Split,
    pub reason: String,
    pub session: Session<'d>,
    events: Receiver<Event>,
}

impl Task {
    /// Answers requests until the mailbox is closed.
    pub async fn serve(self, mailbox: Mailbox<Command>) {
        let Task { trainer, data, choice } = self;
        let trainer = trainer.on(choice.device);
        let (sender, events) = channel();
        let session = match trainer.session(&data).await {
            // Nobody hears of it any more where the run is gone.
            Ok(session) => session.observe(move |event| drop(sender.send(event.clone()))),
            Err(error) => return mailbox.fail(error),
        };
        let mut running = Running { trainer, data: &data, reason: choice.reason, session, events };
        while let Some((command, reply)) = mailbox.next().await {
            reply.send(running.answer(command).await);
        }
    }
}

impl Running<'_> {
    async fn answer(&mut self, command: Command) -> Result<JsValue> {
        match command {
            Command::Describe => text(&self.about()?),
            Command::Steps(steps) => {
                let first = self.session.history().step_losses.len();
                let outcome = self.trainer.run_steps(&mut self.session, steps).await;
                let events: Vec<Event> = self.events.try_iter().collect();
                outcome?;
                progress(&self.session, &events, first)
            }
            Command::Keep => self.trainer.keep(&mut self.session).await.map(|()| JsValue::UNDEFINED),
            Command::Evaluate(part) => text(&self.evaluate(part).await?),
            Command::Outcome { seconds } => text(&self.outcome(seconds).await?),
            Command::View(rows) => {
                let model = self.trainer.model_so_far(&mut self.session).await?;
                let layers = view::layers(model, rows).await?;
                Ok(layers.iter().map(|layer| floats(layer)).collect::<Array>().into())
            }
            Command::Explain(row) => {
                let model = self.trainer.model_so_far(&mut self.session).await?;
                let trainer = Trainer::continuing(model);
                text(&trainer.explain(&self.data.train, row, &Device::Cpu).await?)
            }
            Command::Model => Ok(bytes(&self.trainer.model_so_far(&mut self.session).await?.to_bytes()?)),
            Command::Hash => {
                let model = self.trainer.model_so_far(&mut self.session).await?;
                Ok(JsValue::from_str(&model.weights_hash()))
            }
            Command::Snapshot => Ok(bytes(&self.session.snapshot().await?.to_bytes())),
            Command::Restore(bytes) => {
                self.session.restore(&Snapshot::from_bytes(&bytes)?).await?;
                self.trainer.keep(&mut self.session).await?;
                progress(&self.session, &[], 0)
            }
            Command::Rows(part) => self.rows(part),
            Command::Lose => {
                if let Device::Gpu(device) = self.session.device() {
                    device.inject(Injection { call: Call::Submit, after: 0, failure: Failure::Loss });
                }
                Ok(JsValue::UNDEFINED)
            }
        }
    }

    async fn evaluate(&mut self, part: Part) -> Result<Evaluation> {
        let rows = part.of(self.data)?;
        let device = self.session.device().clone();
        self.trainer.model_so_far(&mut self.session).await?.evaluate(rows, &device).await
    }

    /// Raw features and targets: `{ width, features, labels }`, or `values` in the place of `labels`.
    fn rows(&self, part: Part) -> Result<JsValue> {
        let rows = part.of(self.data)?;
        let width = rows.features.width();
        let mut features = vec![0.0; rows.rows() * width];
        rows.features.copy_floats(|row| row, &mut features)?;
        let object = Object::new();
        let put = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).is_ok();
        put("width", (width as u32).into());
        put("features", floats(&features));
        match &rows.targets {
            Targets::Labels { data, .. } => put("labels", js_sys::Uint32Array::from(&data[..]).into()),
            Targets::Values { data, .. } => put("values", floats(data)),
        };
        Ok(object.into())
    }
}
