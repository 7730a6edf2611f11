//! Log, clock, timer, contexts.

use crate::guest::Guest;
use crate::outcome::Level;
use crate::proxy_state::Event;
use crate::status::{Failure, Reply, Status};

const LEVELS: [Level; 6] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];

pub(super) fn log(guest: &mut Guest<'_>, level: u32, message: u32, size: u32) -> Reply {
    let level = *LEVELS.get(level as usize).ok_or(Status::BadArgument)?;
    let message = guest.read(message, size)?;
    log_line(guest, level, &message)
}

/// Logs a line of the plugin that the call acts for.
pub(super) fn log_line(guest: &mut Guest<'_>, level: Level, message: &[u8]) -> Reply {
    let plugin = guest.context()?.plugin;
    Ok(guest.proxy_state().log(plugin, level, message)?)
}

/// The lowest level: this host shows every line.
pub(super) fn get_log_level(guest: &mut Guest<'_>, level: u32) -> Reply {
    guest.write_u32(level, Level::Trace as u32)
}

pub(super) fn get_current_time(guest: &mut Guest<'_>, time: u32) -> Reply {
    let now = guest.proxy_state().now;
    guest.write(time, &now.to_le_bytes())
}

/// Envoy's `Wasm::setTimerPeriod`: a period of 0 stops the timer.
pub(super) fn set_tick_period(guest: &mut Guest<'_>, period: u32) -> Reply {
    let root = guest.context()?.root;
    let state = guest.state_mut();
    let timer = state.timers.entry(root).or_default();
    *timer = (period, timer.1 + 1);
    let (set, vm) = (timer.1, state.number);
    guest.record(|| format!("tick period {period} ms"));
    if period > 0 {
        guest.proxy_state().schedule(u64::from(period) * 1_000_000, Event::Tick { vm, context: root, set })?;
    }
    Ok(())
}

pub(super) fn set_effective_context(guest: &mut Guest<'_>, context: u32) -> Reply {
    let state = guest.state_mut();
    if !state.contexts.contains_key(&context) {
        return Err(Status::BadArgument.into());
    }
    state.effective = context;
    Ok(())
}

/// Ends a context that was not done before. This host never removes a plugin, so no context waits.
pub(super) fn done(guest: &mut Guest<'_>) -> Reply {
    guest.context()?;
    Err(Status::NotFound.into())
}

pub(super) fn pthread_equal(_guest: &mut Guest<'_>, left: u32, right: u32) -> Reply {
    if left == right { Err(Failure::Status(1)) } else { Ok(()) }
}
