//! Requests to a task, in the order in which they come, each with the promise that its answer settles.

use crate::answer::message;
use anygrad::{Error, Result};
use js_sys::{Function, Promise};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use wasm_bindgen::JsValue;

/// The two ends of a promise that is not settled yet.
pub struct Reply {
    resolve: Function,
    reject: Function,
}

impl Reply {
    /// Settles the promise.
    pub fn send(self, answer: Result<JsValue>) {
        // What the page does then is its own affair.
        let _ = match answer {
            Ok(value) => self.resolve.call1(&JsValue::UNDEFINED, &value),
            Err(error) => self.reject.call1(&JsValue::UNDEFINED, &message(&error)),
        };
    }
}

struct State<T> {
    waiting: VecDeque<(T, Reply)>,
    is_closed: bool,
    /// Why no request can be answered any more.
    failure: Option<Error>,
    task: Option<Waker>,
}

/// The requests to a task; clones are the same mailbox.
pub struct Mailbox<T>(Rc<RefCell<State<T>>>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox(self.0.clone())
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false, failure: None, task: None };
        Mailbox(Rc::new(RefCell::new(state)))
    }
}

impl<T> Mailbox<T> {
    /// Puts a request in; the promise is settled by the task.
    pub fn ask(&self, request: T) -> Promise {
        let mut request = Some(request);
        Promise::new(&mut |resolve, reject| {
            let (mut state, reply) = (self.0.borrow_mut(), Reply { resolve, reject });
            if let Some(failure) = &state.failure {
                let _ = reply.reject.call1(&JsValue::UNDEFINED, &message(failure));
            } else if let Some(request) = request.take() {
                state.waiting.push_back((request, reply));
                state.task.take().into_iter().for_each(Waker::wake);
            }
        })
    }

    /// The next request; none once the mailbox is closed.
    pub async fn next(&self) -> Option<(T, Reply)> {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if state.is_closed {
                return Poll::Ready(None);
            }
            match state.waiting.pop_front() {
                Some(next) => Poll::Ready(Some(next)),
                None => {
                    state.task = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Ends the task once it looks for the next request.
    pub fn close(&self) {
        let mut state = self.0.borrow_mut();
        state.is_closed = true;
        state.task.take().into_iter().for_each(Waker::wake);
    }

    /// Answers all requests, also those to come, with an error.
    pub fn fail(&self, error: Error) {
        let mut state = self.0.borrow_mut();
        for (_, reply) in state.waiting.drain(..) {
            let _ = reply.reject.call1(&JsValue::UNDEFINED, &message(&error));
        }
        state.failure = Some(error);
    }
}
