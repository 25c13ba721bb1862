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

/// Set when SIGPIPE was ignored at the start of this program. Rust ignores it before `main`, so
/// that later is too late to ask.
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

/// State that this process inherited, and that the command inherits from it.
pub struct Inherited {
    /// Signals that are ignored now and were not before.
    changed: Vec<c_int>,
    mask: SigSet,
    /// Soft and hard limit of locked memory: older kernels count maps by it, so that the loader
    /// may raise it.
    locked_memory: Option<(rlim_t, rlim_t)>,
}

impl Inherited {
    /// Notes the inherited state, then ignores all signals that end a process by default. SIGHUP,
    /// SIGINT, SIGQUIT and SIGTERM are left to `signals`, those that stop a process to the
    /// terminal.
    pub fn protect() -> Inherited {
        let mut changed = Vec::new();
        for number in (1..libc::SIGRTMIN()).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
            // The C library reserves 32 and 33, and refuses them.
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

    /// Restores the state in a child, just before its exec. It makes only async-signal-safe calls,
    /// and allocates nothing.
    pub(super) fn restore(&self) -> io::Result<()> {
        // Rust has set the default for the child.
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

/// Returns true for a signal that would end a recorder that does not ignore it. Faults are not
/// among them: a process cannot ignore its own.
fn is_fatal(number: c_int) -> bool {
    !matches!(
        number,
        libc::SIGKILL
            | libc::SIGSTOP
            // Without effect by default.
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
    // SAFETY: no action is set, and there is room for the current one.
    let asked = unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a call that succeeds fills it in.
    (asked == 0).then(|| unsafe { action.assume_init() }.sa_sigaction)
}

/// Sets SIG_DFL or SIG_IGN. Returns true on success.
fn set(number: c_int, disposition: sighandler_t) -> bool {
    // SAFETY: SIG_DFL and SIG_IGN run no code of this process.
    unsafe { libc::signal(number, disposition) != libc::SIG_ERR }
}
