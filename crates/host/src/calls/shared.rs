//! Shared data and queues.

use crate::guest::Guest;
use crate::limits;
use crate::status::Reply;
use crate::world::Event;

pub(super) fn get(guest: &mut Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> Reply {
    let key = guest.read(key, key_size)?;
    let (found, number) = guest.world().data.get(&guest.state().settings.vm_id, &key)?;
    guest.give(&found, value, value_size)?;
    guest.write_u32(cas, number)
}

pub(super) fn set(guest: &mut Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> Reply {
    let (key, value) = (guest.read(key, key_size)?, guest.read(value, value_size)?);
    guest.spend(limits::FUEL_OF_A_KEY)?;
    let mut world = guest.world();
    world.keep(key.len() + value.len())?;
    Ok(world.data.set(&guest.state().settings.vm_id, &key, &value, cas)?)
}

pub(super) fn register(guest: &mut Guest<'_>, name: u32, size: u32, token: u32) -> Reply {
    let name = guest.read(name, size)?;
    let (vm, root) = (guest.state().number, guest.context()?.root);
    guest.spend(limits::FUEL_OF_A_KEY)?;
    guest.world().keep(name.len())?;
    let number = guest.world().queues.register(&guest.state().settings.vm_id, &name, vm, root);
    guest.write_u32(token, number)
}

/// An empty vm-id is the guest's own.
pub(super) fn resolve(guest: &mut Guest<'_>, vm: u32, vm_size: u32, name: u32, name_size: u32, token: u32) -> Reply {
    let (vm, name) = (guest.read(vm, vm_size)?, guest.read(name, name_size)?);
    let own = &guest.state().settings.vm_id;
    let vm = if vm.is_empty() { own.clone() } else { String::from_utf8_lossy(&vm).into_owned() };
    let number = guest.world().queues.resolve(&vm, &name)?;
    guest.write_u32(token, number)
}

pub(super) fn dequeue(guest: &mut Guest<'_>, token: u32, data: u32, size: u32) -> Reply {
    let message = guest.world().queues.dequeue(token)?;
    guest.give(&message, data, size)
}

pub(super) fn enqueue(guest: &mut Guest<'_>, token: u32, data: u32, size: u32) -> Reply {
    let message = guest.read(data, size)?;
    let mut world = guest.world();
    world.keep(message.len())?;
    let (vm, context) = world.queues.enqueue(token, &message)?;
    Ok(world.schedule(0, Event::Queue { vm, context, token })?)
}
