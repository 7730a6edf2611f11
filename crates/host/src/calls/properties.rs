//! Properties, and values that filters store for each other.

use crate::context::ContextKind;
use crate::guest::Guest;
use crate::limits;
use crate::outcome::Remark;
use crate::property;
use crate::status::{Reply, Status};

/// Bytes of the longest path of a property.
const MAX_PATH: usize = 4 << 10;

pub(super) fn get(guest: &mut Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32) -> Reply {
    let path = guest.read(path, path_size)?;
    // A NUL may end the last part.
    let path = path.strip_suffix(b"\0").unwrap_or(&path);
    if path.len() > MAX_PATH {
        return Err(Status::NotFound.into());
    }
    let parts: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
    let cost = property::cost(&guest.proxy_state(), &parts);
    guest.spend(cost)?;
    let found = property::get(&guest.proxy_state(), guest.context()?, &guest.state().settings.vm_id, &parts);
    if found.is_err() {
        let name = String::from_utf8_lossy(parts.first().copied().unwrap_or_default()).into_owned();
        if let Some(new) = property::replacement(&name) {
            let plugin = guest.context()?.plugin;
            guest.proxy_state().remark(plugin, Remark::RemovedProperty(format!("`{name}` (now `{new}`)")));
        }
    }
    let bytes = found?.serialize();
    guest.give(&bytes, value, value_size)
}

pub(super) fn set(guest: &mut Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32) -> Reply {
    let (path, value) = (guest.read(path, path_size)?, guest.read(value, value_size)?);
    if guest.context()?.kind != ContextKind::Http {
        return Err(Status::NotFound.into());
    }
    guest.record(|| format!("property {} set", String::from_utf8_lossy(&path).replace('\0', ".")));
    guest.spend(limits::KEY_FUEL)?;
    let mut proxy_state = guest.proxy_state();
    proxy_state.keep(path.len() + value.len())?;
    let stream = proxy_state.stream.as_mut().ok_or(Status::NotFound)?;
    stream.filter_state.insert(path, value);
    Ok(())
}
