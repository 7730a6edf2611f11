//! Shared data and queues.

use crate::guest::Guest;
use crate::limits;
use crate::proxy_state::Event;
use crate::status::Reply;

pub(super) fn get(guest: &mut Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> Reply {
    let key = guest.read(key, key_size)?;
    let (found, number) = guest.proxy_state().data.get(&guest.state().settings.vm_id, &key)?;
    guest.give(&found, value, value_size)?;
    guest.write_u32(cas, number)
}

pub(super) fn set(guest: &mut Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> Reply {
    let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
    guest.spend(limits::KEY_FUEL)?;
    let mut proxy_state = guest.proxy_state();
    proxy_state.keep(key.len() + value.len())?;
    Ok(proxy_state.data.set(&guest.state().settings.vm_id, &key, &value, cas)?)
}

pub(super) fn register(guest: &mut Guest<'_>, name: u32, size: u32, token: u32) -> Reply {
    let name = guest.read(name, size)?;
    let (vm, root) = (guest.state().number, guest.context()?.root);
    guest.spend(limits::KEY_FUEL)?;
    guest.proxy_state().keep(name.len())?;
    let number = guest.proxy_state().queues.register(&guest.state().settings.vm_id, &name, vm, root);
    guest.write_u32(token, number)
}

/// An empty vm-id is the guest's own.
pub(super) fn resolve(guest: &mut Guest<'_>, vm: u32, vm_size: u32, name: u32, name_size: u32, token: u32) -> Reply {
    let (vm, name) = (guest.read(vm, vm_size)?, guest.read(name, name_size)?);
    let own = &guest.state().settings.vm_id;
    let vm = if vm.is_empty() { own.clone() } else { String::from_utf8_lossy(&vm).into_owned() };
    let number = guest.proxy_state().queues.resolve(&vm, &name)?;
    guest.write_u32(token, number)
}

pub(super) fn dequeue(guest: &mut Guest<'_>, token: u32, data: u32, size: u32) -> Reply {
    let message = guest.proxy_state().queues.dequeue(token)?;
    guest.give(&message, data, size)
}

pub(super) fn enqueue(guest: &mut Guest<'_>, token: u32, data: u32, size: u32) -> Reply {
    let message = guest.read(data, size)?;
    let mut proxy_state = guest.proxy_state();
    proxy_state.keep(message.len())?;
    let (vm, context) = proxy_state.queues.enqueue(token, &message)?;
    Ok(proxy_state.schedule(0, Event::Queue { vm, context, token })?)
}
