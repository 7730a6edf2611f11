//! WASI preview 1 as proxy-wasm's host provides it: a log, clocks, random numbers, an environment, but no files. Results are
//! WASI's errno.

use wasmi::{Caller, Error, Linker};

use super::{call, define, plugin};
use crate::guest::Guest;
use crate::outcome::Level;
use crate::state::State;
use crate::status::{Failure, Reply};

const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTDIR: u32 = 20;
const NOTSUP: u32 = 58;
/// Bytes that `random_get` returns at most (limits.h).
const RANDOM: u32 = 64 << 10;
/// Bytes of an entry in a list of buffers.
const IOVEC: u32 = 8;

fn errno(number: u32) -> Failure {
    Failure::Status(number)
}

/// Writes into the guest's memory, or fails with EFAULT.
fn write(guest: &mut Guest<'_>, pointer: u32, bytes: &[u8]) -> Reply {
    if guest.try_write(pointer, bytes) { Ok(()) } else { Err(errno(FAULT)) }
}

fn read(guest: &mut Guest<'_>, pointer: u32, size: u32) -> Result<Vec<u8>, Failure> {
    guest.try_read(pointer, size)?.ok_or_else(|| errno(FAULT))
}

/// Only standard output and standard error exist.
fn standard(fd: u32) -> Reply {
    if matches!(fd, 1 | 2) { Ok(()) } else { Err(errno(BADF)) }
}

/// Text on standard output is logged at info, and text on standard error at error.
fn fd_write(guest: &mut Guest<'_>, fd: u32, vectors: u32, count: u32, written: u32) -> Reply {
    let level = match fd {
        1 => Level::Info,
        2 => Level::Error,
        _ => return Err(errno(BADF)),
    };
    let mut text = Vec::new();
    for i in 0..count {
        let at = vectors.checked_add(i.checked_mul(IOVEC).ok_or_else(|| errno(FAULT))?).ok_or_else(|| errno(FAULT))?;
        let vector = read(guest, at, IOVEC)?;
        let word =
            |at: usize| vector.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes);
        if word(4) > 0 {
            text.extend(read(guest, word(0), word(4))?);
        }
        if text.len() > crate::limits::LOG {
            break;
        }
    }
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if length > 0 {
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        plugin::log_line(guest, level, line)?;
    }
    write(guest, written, &length.to_le_bytes())
}

fn fd_pwrite(guest: &mut Guest<'_>, fd: u32, vectors: u32, count: u32, _offset: u64, written: u32) -> Reply {
    fd_write(guest, fd, vectors, count, written)
}

fn fd_fdstat_get(guest: &mut Guest<'_>, fd: u32, stat: u32) -> Reply {
    standard(fd)?;
    // Only the right to write.
    let mut bytes = [0; 24];
    bytes[8] = 64;
    guest.try_write(stat, &bytes);
    Ok(())
}

fn environ_get(guest: &mut Guest<'_>, pointers: u32, buffer: u32) -> Reply {
    let env = guest.state().settings.env.clone();
    let (mut pointer, mut at) = (pointers, buffer);
    for (name, value) in env {
        let entry = format!("{name}={value}\0");
        write(guest, pointer, &at.to_le_bytes())?;
        write(guest, at, entry.as_bytes())?;
        at = at.wrapping_add(u32::try_from(entry.len()).unwrap_or(u32::MAX));
        pointer = pointer.wrapping_add(4);
    }
    Ok(())
}

fn environ_sizes_get(guest: &mut Guest<'_>, count: u32, size: u32) -> Reply {
    let env = &guest.state().settings.env;
    let bytes: usize = env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let (number, bytes) = (u32::try_from(env.len()).unwrap_or(u32::MAX), u32::try_from(bytes).unwrap_or(u32::MAX));
    write(guest, count, &number.to_le_bytes())?;
    write(guest, size, &bytes.to_le_bytes())
}

fn args_get(_guest: &mut Guest<'_>, _pointers: u32, _buffer: u32) -> Reply {
    Ok(())
}

fn args_sizes_get(guest: &mut Guest<'_>, count: u32, size: u32) -> Reply {
    write(guest, count, &[0; 4])?;
    write(guest, size, &[0; 4])
}

fn clock_time_get(guest: &mut Guest<'_>, clock: u32, _precision: u64, time: u32) -> Reply {
    let now = match clock {
        0 => guest.proxy_state().now,
        // Not from 0, which Go treats as a missing clock.
        1 => {
            let proxy_state = guest.proxy_state();
            proxy_state.now.saturating_sub(proxy_state.epoch).saturating_add(1_000_000_000)
        }
        _ => return Err(errno(NOTSUP)),
    };
    write(guest, time, &now.to_le_bytes())
}

fn clock_res_get(guest: &mut Guest<'_>, clock: u32, resolution: u32) -> Reply {
    if clock > 1 {
        return Err(errno(NOTSUP));
    }
    write(guest, resolution, &1u64.to_le_bytes())
}

fn random_get(guest: &mut Guest<'_>, buffer: u32, size: u32) -> Reply {
    if size > RANDOM {
        return Err(errno(INVAL));
    }
    guest.spend(size.into())?;
    let bytes = guest.proxy_state().random.bytes(size as usize);
    if size == 0 { Ok(()) } else { write(guest, buffer, &bytes) }
}

fn poll_oneoff(guest: &mut Guest<'_>, _in: u32, _out: u32, _count: u32, events: u32) -> Reply {
    write(guest, events, &[0; 4])
}

fn sched_yield(_guest: &mut Guest<'_>) -> Reply {
    Ok(())
}

/// Envoy logs an error itself and returns to the guest.
fn fd_seek(guest: &mut Guest<'_>, _fd: u32, _offset: i64, _whence: u32, _new: u32) -> Reply {
    guest.record(|| "fd_seek does nothing".into());
    Ok(())
}

fn fd_close(guest: &mut Guest<'_>, _fd: u32) -> Reply {
    guest.record(|| "fd_close does nothing".into());
    Ok(())
}

fn fd_allocate(_guest: &mut Guest<'_>, fd: u32, _offset: u64, _length: u64) -> Reply {
    standard(fd)
}

fn of_standard(_guest: &mut Guest<'_>, fd: u32) -> Reply {
    standard(fd)
}

fn fd_tell(guest: &mut Guest<'_>, fd: u32, offset: u32) -> Reply {
    standard(fd)?;
    write(guest, offset, &[0; 8])
}

fn fd_filestat_set_size(_guest: &mut Guest<'_>, fd: u32, _size: u64) -> Reply {
    standard(fd)
}

fn fd_filestat_set_times(_guest: &mut Guest<'_>, fd: u32, _atim: u64, _mtim: u64, _flags: u32) -> Reply {
    standard(fd)
}

fn fd_advise(_guest: &mut Guest<'_>, _fd: u32, _offset: u64, _length: u64, _advice: u32) -> Reply {
    Ok(())
}

fn fd_read(_guest: &mut Guest<'_>, _fd: u32, _vectors: u32, _count: u32, _read: u32) -> Reply {
    Err(errno(NOSYS))
}

fn fd_pread(_guest: &mut Guest<'_>, _fd: u32, _vectors: u32, _count: u32, _offset: u64, _read: u32) -> Reply {
    Err(errno(NOSYS))
}

fn fd_fdstat_set_flags(_guest: &mut Guest<'_>, _fd: u32, _flags: u32) -> Reply {
    Err(errno(NOSYS))
}

fn fd_prestat_dir_name(_guest: &mut Guest<'_>, _fd: u32, _path: u32, _size: u32) -> Reply {
    Err(errno(NOSYS))
}

fn no_such_fd(_guest: &mut Guest<'_>, _fd: u32, _out: u32) -> Reply {
    Err(errno(BADF))
}

#[expect(clippy::too_many_arguments, reason = "the parameters of WASI")]
fn path_open(
    _guest: &mut Guest<'_>,
    _fd: u32,
    _lookup: u32,
    _path: u32,
    _size: u32,
    _open: u32,
    _rights: u64,
    _inheriting: u64,
    _flags: u32,
    _new: u32,
) -> Reply {
    Err(errno(NOENT))
}

fn fd_readdir(guest: &mut Guest<'_>, _fd: u32, _buffer: u32, _size: u32, _cookie: u64, read: u32) -> Reply {
    write(guest, read, &[0; 4])?;
    Err(errno(NOTDIR))
}

fn fd_renumber(_guest: &mut Guest<'_>, fd: u32, to: u32) -> Reply {
    standard(fd)?;
    standard(to)?;
    Err(errno(NOTSUP))
}

fn unsupported2(_guest: &mut Guest<'_>, _a: u32, _b: u32) -> Reply {
    Err(errno(NOTSUP))
}

fn unsupported3(_guest: &mut Guest<'_>, _a: u32, _b: u32, _c: u32) -> Reply {
    Err(errno(NOTSUP))
}

fn unsupported4(_guest: &mut Guest<'_>, _a: u32, _b: u32, _c: u32, _d: u32) -> Reply {
    Err(errno(NOTSUP))
}

fn unsupported5(_guest: &mut Guest<'_>, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32) -> Reply {
    Err(errno(NOTSUP))
}

fn unsupported6(_guest: &mut Guest<'_>, _a: u32, _b: u32, _c: u32, _d: u32, _e: u32, _f: u32) -> Reply {
    Err(errno(NOTSUP))
}

#[expect(clippy::too_many_arguments, reason = "the parameters of WASI")]
fn path_filestat_set_times(
    _guest: &mut Guest<'_>,
    _fd: u32,
    _lookup: u32,
    _path: u32,
    _size: u32,
    _atim: u64,
    _mtim: u64,
    _flags: u32,
) -> Reply {
    Err(errno(NOTSUP))
}

fn path_readlink(
    guest: &mut Guest<'_>,
    _fd: u32,
    _path: u32,
    _size: u32,
    _buffer: u32,
    _room: u32,
    used: u32,
) -> Reply {
    write(guest, used, &[0; 4])?;
    Err(errno(NOTSUP))
}

/// The host writes eight bytes, although WASI's file descriptor has four.
fn sock_accept(guest: &mut Guest<'_>, _fd: u32, _flags: u32, new: u32) -> Reply {
    write(guest, new, &[0; 8])?;
    Err(errno(NOTSUP))
}

fn sock_recv(guest: &mut Guest<'_>, _fd: u32, _data: u32, _count: u32, _flags: u32, read: u32, flags: u32) -> Reply {
    write(guest, read, &[0; 4])?;
    write(guest, flags, &[0; 2])?;
    Err(errno(NOTSUP))
}

fn sock_send(guest: &mut Guest<'_>, _fd: u32, _data: u32, _count: u32, _flags: u32, written: u32) -> Reply {
    write(guest, written, &[0; 4])?;
    Err(errno(NOTSUP))
}

pub(super) fn define_preview1(linker: &mut Linker<State>) -> Result<(), Error> {
    define!(linker, "wasi_snapshot_preview1";
        "fd_write"(fd, vectors, count, written) => fd_write;
        "fd_pwrite"(fd, vectors, count, offset: u64, written) => fd_pwrite;
        "fd_fdstat_get"(fd, stat) => fd_fdstat_get;
        "environ_get"(pointers, buffer) => environ_get;
        "environ_sizes_get"(count, size) => environ_sizes_get;
        "args_get"(pointers, buffer) => args_get;
        "args_sizes_get"(count, size) => args_sizes_get;
        "clock_time_get"(clock, precision: u64, time) => clock_time_get;
        "clock_res_get"(clock, resolution) => clock_res_get;
        "random_get"(buffer, size) => random_get;
        "poll_oneoff"(input, output, count, events) => poll_oneoff;
        "sched_yield"() => sched_yield;
        "fd_seek"(fd, offset: i64, whence, new) => fd_seek;
        "fd_close"(fd) => fd_close;
        "fd_allocate"(fd, offset: u64, length: u64) => fd_allocate;
        "fd_datasync"(fd) => of_standard;
        "fd_sync"(fd) => of_standard;
        "fd_tell"(fd, offset) => fd_tell;
        "fd_fdstat_set_rights"(fd, base: u64, inheriting: u64) => fd_allocate;
        "fd_filestat_set_size"(fd, size: u64) => fd_filestat_set_size;
        "fd_filestat_set_times"(fd, atim: u64, mtim: u64, flags) => fd_filestat_set_times;
        "fd_advise"(fd, offset: u64, length: u64, advice) => fd_advise;
        "fd_read"(fd, vectors, count, read) => fd_read;
        "fd_pread"(fd, vectors, count, offset: u64, read) => fd_pread;
        "fd_fdstat_set_flags"(fd, flags) => fd_fdstat_set_flags;
        "fd_prestat_get"(fd, prestat) => no_such_fd;
        "fd_prestat_dir_name"(fd, path, size) => fd_prestat_dir_name;
        "fd_filestat_get"(fd, stat) => no_such_fd;
        "path_open"(fd, lookup, path, size, open, rights: u64, inheriting: u64, flags, new) => path_open;
        "fd_readdir"(fd, buffer, size, cookie: u64, read) => fd_readdir;
        "fd_renumber"(fd, to) => fd_renumber;
        "path_create_directory"(fd, path, size) => unsupported3;
        "path_filestat_get"(fd, flags, path, size, stat) => unsupported5;
        "path_filestat_set_times"(fd, lookup, path, size, atim: u64, mtim: u64, flags) => path_filestat_set_times;
        "path_link"(fd, lookup, path, size, new, new_path) => unsupported6;
        "path_readlink"(fd, path, size, buffer, room, used) => path_readlink;
        "path_remove_directory"(fd, path, size) => unsupported3;
        "path_rename"(fd, path, size, new, new_path, new_size) => unsupported6;
        "path_symlink"(old, old_size, fd, new) => unsupported4;
        "path_unlink_file"(fd, path, size) => unsupported3;
        "sock_accept"(fd, flags, new) => sock_accept;
        "sock_recv"(fd, data, count, flags, read, out) => sock_recv;
        "sock_send"(fd, data, count, flags, written) => sock_send;
        "sock_shutdown"(fd, how) => unsupported2;
    );
    // It returns nothing, and returns.
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "proc_exit",
        |caller: Caller<'_, State>, _code: u32| -> Result<(), Error> {
            let exit = |guest: &mut Guest<'_>| {
                guest.record(|| "proc_exit does nothing".into());
                Ok(())
            };
            call(caller, ("wasi_snapshot_preview1", "proc_exit"), exit).map(|_| ())
        },
    )?;
    Ok(())
}
