//! What plugins did, callback by callback.

use crate::callback::Callback;
use crate::limits;
use crate::message::Fields;
use crate::outcome::{Effect, Fault};

/// The effects and faults of the current exchange.
#[derive(Debug, Default)]
pub(super) struct Trace {
    effects: Vec<Effect>,
    faults: Vec<(usize, Fault)>,
    /// Bytes of the changes that effects show, over all exchanges.
    changed: usize,
}

impl Trace {
    pub(super) fn fault(&mut self, plugin: usize, fault: Fault) {
        self.faults.push((plugin, fault));
    }

    /// Records an effect, and leaves out changes that would take too much memory.
    pub(super) fn effect(&mut self, mut effect: Effect) {
        let of_fields = |(before, after): &(Fields, Fields)| before.size() + after.size();
        let of_body = |(before, after): &(Vec<u8>, Vec<u8>)| before.len() + after.len();
        let changed = effect.fields.as_ref().map_or(0, of_fields) + effect.body.as_ref().map_or(0, of_body);
        if self.changed + changed > limits::EFFECT_BYTES {
            (effect.fields, effect.body) = (None, None);
            effect.actions.push("a change that is too large to show".to_owned());
        } else {
            self.changed += changed;
        }
        if self.effects.len() < limits::EFFECTS {
            self.effects.push(effect);
        }
    }

    /// The last callback of the plugin.
    pub(super) fn last_callback(&self, plugin: usize) -> Option<Callback> {
        self.effects.iter().rfind(|effect| effect.plugin == plugin).map(|effect| effect.callback)
    }

    /// The last plugin that changed a body.
    pub(super) fn last_body_change(&self) -> Option<usize> {
        self.effects.iter().rfind(|effect| effect.body.is_some()).map(|effect| effect.plugin)
    }

    /// Takes the effects and faults since the last call.
    pub(super) fn take(&mut self) -> (Vec<Effect>, Vec<(usize, Fault)>) {
        (std::mem::take(&mut self.effects), std::mem::take(&mut self.faults))
    }
}
