//! Metrics. Defining a name twice returns two ids of one metric.

use crate::guest::Guest;
use crate::limits;
use crate::proxy_state::Metric;
use crate::state::State;
use crate::status::{Failure, Reply, Status};

pub(super) fn define(guest: &mut Guest<'_>, kind: u32, name: u32, size: u32, id: u32) -> Reply {
    let name = String::from_utf8_lossy(&guest.read(name, size)?).into_owned();
    let new = match kind {
        0 => Metric::Counter(0),
        1 => Metric::Gauge(0),
        2 => Metric::Histogram,
        _ => return Err(Status::BadArgument.into()),
    };
    guest.spend(limits::KEY_FUEL)?;
    guest.proxy_state().keep(name.len())?;
    let state = guest.state_mut();
    let number = State::next_id(&mut state.metric_ids, kind as usize);
    state.metrics.insert(number, name.clone());
    guest.proxy_state().metrics.entry(name).or_insert(new);
    guest.write_u32(id, number)
}

/// The last two bits of an id encode its kind.
const KIND: u32 = 3;

fn with<R>(guest: &Guest<'_>, id: u32, act: impl FnOnce(&mut Metric) -> Result<R, Failure>) -> Result<R, Failure> {
    let name = guest.state().metrics.get(&id).ok_or(Status::NotFound)?;
    let mut proxy_state = guest.proxy_state();
    act(proxy_state.metrics.get_mut(name).ok_or(Status::NotFound)?)
}

pub(super) fn increment(guest: &mut Guest<'_>, id: u32, offset: i64) -> Reply {
    if id & KIND > 1 {
        return Err(Status::BadArgument.into());
    }
    with(guest, id, |metric| match metric {
        Metric::Counter(_) if offset <= 0 => Err(Status::BadArgument.into()),
        Metric::Counter(value) | Metric::Gauge(value) => {
            *value = value.wrapping_add_signed(offset);
            Ok(())
        }
        Metric::Histogram => Err(Status::BadArgument.into()),
    })
}

pub(super) fn record(guest: &mut Guest<'_>, id: u32, new: u64) -> Reply {
    with(guest, id, |metric| {
        match metric {
            Metric::Counter(value) => *value = value.wrapping_add(new),
            Metric::Gauge(value) => *value = new,
            Metric::Histogram => {}
        }
        Ok(())
    })
}

pub(super) fn get(guest: &mut Guest<'_>, id: u32, value: u32) -> Reply {
    if id & KIND > 1 {
        return Err(Status::BadArgument.into());
    }
    let found = with(guest, id, |metric| match metric {
        Metric::Counter(value) | Metric::Gauge(value) => Ok(*value),
        Metric::Histogram => Err(Status::BadArgument.into()),
    })?;
    guest.write(value, &found.to_le_bytes())
}
