//! What VMs share: values by key, and queues (proxy-wasm-cpp-host, src/shared_data.cc and src/shared_queue.cc).

use std::collections::{BTreeMap, VecDeque};

use crate::status::Status;

/// Values by vm-id and key, each with the number of its last change.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    values: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    last: u32,
}

impl SharedData {
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        self.values.get(&(vm_id.to_owned(), key.to_vec())).cloned().ok_or(Status::NotFound)
    }

    /// Writes, unless `cas` differs from the number of the last change. With 0, and for a new key, the write is unconditional.
    pub(crate) fn set(&mut self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let place = (vm_id.to_owned(), key.to_vec());
        let changed = |there: &(Vec<u8>, u32)| cas != 0 && cas != there.1;
        if self.values.get(&place).is_some_and(changed) {
            return Err(Status::CasMismatch);
        }
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.values.insert(place, (value.to_vec(), self.last));
        Ok(())
    }
}

/// Queues by their tokens.
#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    vm: usize,
    context: u32,
    messages: VecDeque<Vec<u8>>,
}

impl SharedQueues {
    /// The queue's token. The last one to register the queue is notified of messages.
    pub(crate) fn register(&mut self, vm_id: &str, name: &[u8], vm: usize, context: u32) -> u32 {
        let next = u32::try_from(self.tokens.len() + 1).unwrap_or(u32::MAX);
        let token = *self.tokens.entry((vm_id.to_owned(), name.to_vec())).or_insert(next);
        let queue = self.queues.entry(token).or_default();
        (queue.vm, queue.context) = (vm, context);
        token
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &[u8]) -> Result<u32, Status> {
        self.tokens.get(&(vm_id.to_owned(), name.to_vec())).copied().ok_or(Status::NotFound)
    }

    /// Returns the VM and the context to notify.
    pub(crate) fn enqueue(&mut self, token: u32, message: &[u8]) -> Result<(usize, u32), Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.messages.push_back(message.to_vec());
        Ok((queue.vm, queue.context))
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.messages.pop_front().ok_or(Status::Empty)
    }
}
