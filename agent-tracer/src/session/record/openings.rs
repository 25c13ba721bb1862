//! stub
use crate::event::{Event, Payload};
#[derive(Default)]
pub(super) struct Openings {}
impl Openings {
    pub(super) fn take(&mut self, _payload: Payload) -> Vec<Event> {
        Vec::new()
    }
    pub(super) fn ended(&mut self, _event: &Event) -> Option<Event> {
        None
    }
}
