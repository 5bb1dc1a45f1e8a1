//! A process that no signal ends while a test holds it, as one that hangs in the kernel.

use std::io;

use gt_core::ProcessId;
use gt_host::process::{self, Signal};

/// A hold on a process. KILL takes it to the point of its exit where its tracer has to let it go
/// on, which is the dropping of this value.
#[derive(Debug)]
pub struct Undying {
    process: ProcessId,
}

impl Undying {
    /// Takes hold of a process that lets itself be traced, as a scripted agent's survivors do. The
    /// hold is this thread's: only a tracer may let go.
    ///
    /// # Panics
    /// When the system does not allow it.
    pub fn hold(process: ProcessId) -> Self {
        trace(libc::PTRACE_SEIZE, process, libc::PTRACE_O_TRACEEXIT)
            .expect("the process can be traced");
        Self { process }
    }
}

impl Drop for Undying {
    fn drop(&mut self) {
        // It stops at its exit, where it may be already.
        let _ = process::signal(self.process, Signal::KILL);
        while wait_for_stop(self.process) {
            let _ = trace(libc::PTRACE_DETACH, self.process, 0);
        }
    }
}

/// Waits until the tracee stops. False: it is none any more.
#[expect(unsafe_code, reason = "rustix does not wait for the stops of a tracee")]
fn wait_for_stop(process: ProcessId) -> bool {
    let mut status = 0;
    // SAFETY: `status` outlives the call, which reaps nothing but this thread's tracee.
    let found = unsafe { libc::waitpid(raw(process), &raw mut status, libc::__WALL) };
    found > 0 && libc::WIFSTOPPED(status)
}

#[expect(unsafe_code, reason = "nothing safe traces a process")]
fn trace(request: libc::c_uint, process: ProcessId, data: libc::c_int) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    let data = usize::try_from(data).map_err(io::Error::other)?;
    // SAFETY: these requests read no memory of this process: `data` is a number.
    match unsafe { libc::ptrace(request, raw(process), nothing, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn raw(process: ProcessId) -> libc::pid_t {
    libc::pid_t::try_from(process.pid).expect("pids are small numbers")
}
