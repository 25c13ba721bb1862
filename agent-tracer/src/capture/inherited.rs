//! Ignores the signals that would end a recorder, and hands the command on what this process
//! inherited: dispositions of signals, the signal mask, limits. It reacts to no signal.

use std::{
    io,
    mem::MaybeUninit,
    sync::atomic::{AtomicBool, Ordering},
};

use nix::{
    libc::{self, c_int, sighandler_t},
    sys::{
        resource::{Resource, getrlimit, rlim_t, setrlimit},
        signal::{SigSet, SigmaskHow, pthread_sigmask},
    },
};

/// Whether SIGPIPE was ignored when this program began. Rust ignores it before `main`, so that
/// later it is too late to ask.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Runs before Rust's own start, in the place that the C library has for that.
// SAFETY: the section holds pointers to functions of this type. This one only asks the kernel.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_EARLY: extern "C" fn() = look_early;

extern "C" fn look_early() {
    let is_ignored = disposition(libc::SIGPIPE) == Some(libc::SIG_IGN);
    PIPE_WAS_IGNORED.store(is_ignored, Ordering::Relaxed);
}

/// What this process inherited and a command is to inherit from it.
pub struct Inherited {
    /// Signals that are ignored now and were not before.
    changed: Vec<c_int>,
    mask: SigSet,
    /// Soft and hard limit of locked memory: older kernels count maps by it, so that the loader
    /// may raise it.
    locked_memory: Option<(rlim_t, rlim_t)>,
}

impl Inherited {
    /// Notes what was inherited, then ignores all signals that end a process by default. SIGHUP,
    /// SIGINT, SIGQUIT and SIGTERM are left to `signals`; what stops a process belongs to the
    /// terminal.
    pub fn protect() -> Inherited {
        let mut changed = Vec::new();
        for number in (1..libc::SIGRTMIN()).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
            // The C library keeps 32 and 33 to itself, and refuses them.
            if !is_fatal(number) || disposition(number) == Some(libc::SIG_IGN) {
                continue;
            }
            if set(number, libc::SIG_IGN) {
                changed.push(number);
            }
        }
        if !PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
            changed.push(libc::SIGPIPE);
        }
        Inherited {
            changed,
            mask: SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty()),
            locked_memory: getrlimit(Resource::RLIMIT_MEMLOCK).ok(),
        }
    }

    /// Restores it in a child, just before its exec. It makes async-signal-safe calls only, and
    /// allocates nothing.
    pub(super) fn restore(&self) -> io::Result<()> {
        // Rust has made it the default one for the child.
        if PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
            set(libc::SIGPIPE, libc::SIG_IGN);
        }
        for number in &self.changed {
            set(*number, libc::SIG_DFL);
        }
        if let Some((soft, hard)) = self.locked_memory {
            setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard)?;
        }
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None)?;
        Ok(())
    }
}

/// Whether a signal ends a recorder that does nothing about it. A fault ends it anyhow: the kernel
/// does not let a process ignore its own.
fn is_fatal(number: c_int) -> bool {
    !matches!(
        number,
        libc::SIGKILL
            | libc::SIGSTOP
            // Nothing happens by default.
            | libc::SIGCHLD
            | libc::SIGCONT
            | libc::SIGURG
            | libc::SIGWINCH
            // The terminal's.
            | libc::SIGTSTP
            | libc::SIGTTIN
            | libc::SIGTTOU
            // Handled.
            | libc::SIGHUP
            | libc::SIGINT
            | libc::SIGQUIT
            | libc::SIGTERM
    )
}

fn disposition(number: c_int) -> Option<sighandler_t> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no action is given, and there is room for the one in force.
    let asked = unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a call that succeeds fills it in.
    (asked == 0).then(|| unsafe { action.assume_init() }.sa_sigaction)
}

/// Sets a disposition that is no handler; whether the system took it.
fn set(number: c_int, disposition: sighandler_t) -> bool {
    // SAFETY: SIG_DFL and SIG_IGN run no code of this process.
    unsafe { libc::signal(number, disposition) != libc::SIG_ERR }
}
