//! Attaches the planned hooks, and reads the records of the programs. A refusal of the kernel goes
//! into the plan. It is an error only if the kernel cannot follow processes.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    sync::{Arc, Mutex},
    thread,
};

use agent_tracer_ebpf::{PeerCount, PeerKey, Settings, Traffic};
use aya::{
    Ebpf,
    maps::{HashMap, MapData, PerCpuArray, RingBuf},
};
use aya_log::EbpfLogger;

use super::{
    attach::{Loader, Targets, attach_first, load_ahead, load_program},
    btf::{self, Fields},
    cgroup_root, connect,
    diagnosis::Kernel,
    hook::Hook,
    losses::{Losses, lost},
    plan::{Choice, Fact, Plan},
    ring::{Fill, unmap_second_view},
};
use crate::{
    capture::{
        connector::{UserChange, UserWatch},
        error::CaptureError,
        heap,
        observe::{boot_now, host_facts},
        privileges,
        recorder_view::{self, RecorderView},
    },
    event::{Assembler, Decoded, Event, EventKind, KernelLog, PeerCounts, ProcessId},
};

/// Inode number of the initial PID namespace (`PROC_PID_INIT_INO`).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Live hooks and the events they deliver.
pub struct Capture {
    plan: Plan,
    /// Dropping them detaches everything.
    programs: Ebpf,
    targets: Targets,
    /// Reports changes of user where no program does.
    users: Option<UserWatch>,
    ring: RingBuf<MapData>,
    fill: Option<Fill>,
    /// Pre-existing sockets, by cookie.
    earlier: HashMap<MapData, u64, u8>,
    /// Traffic between UDP sockets and their peers.
    peers: Peers,
    losses: Losses,
    log: EbpfLogger<LogLines>,
    lines: LogLines,
    assembler: Assembler,
    malformed: u64,
    /// Time when all hooks were attached, nanoseconds since boot.
    live_ns: u64,
    /// Time up to which all records are read.
    read_ns: u64,
}

/// Facts that cost too much to be recorded without a wish.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Failed execs, also where every system call is slower for it.
    pub failed_execs: bool,
}

/// Returns the hooks for a fact that may be used.
fn wanted(fact: Fact, wishes: Wishes) -> &'static [Hook] {
    match (fact, wishes.failed_execs) {
        (Fact::FailedExec, false) => &[Hook::KprobeExecve],
        _ => fact.hooks(),
    }
}

/// Returns the best hook of each fact. That of TCP connects is chosen before the others.
fn first_choices(wishes: Wishes, settings: &Settings) -> Vec<Hook> {
    let facts = Fact::HOOKED.into_iter();
    let facts = facts.filter(|fact| *fact != Fact::Connect && fact.has_members(settings));
    let best = facts.filter_map(|fact| wanted(fact, wishes).first().copied());
    best.filter(|hook| !hook.is_left_out()).collect()
}

impl Capture {
    /// Attaches the hooks. After its return, each loss of a record is counted.
    pub fn start(wishes: Wishes) -> Result<Capture, CaptureError> {
        privileges::check()?;
        let refused = || Kernel::running(host_facts().kernel_release);
        // Both read all of the kernel's types.
        let (loader, types) = thread::scope(|scope| {
            let thread = thread::Builder::new().name("tracer".to_owned());
            let loader = thread.spawn_scoped(scope, Loader::new);
            let types = btf::read();
            (loader.ok().and_then(|loader| loader.join().ok()), types)
        });
        let loader = loader.unwrap_or_else(Loader::new);
        let Fields {
            mut settings,
            missing,
            tcp_connect,
        } = types.map_err(|error| refused().without_types(error))?;
        let mut plan = Plan {
            missing_fields: missing,
            ..Plan::default()
        };
        let targets = Targets {
            tcp_connect,
            cgroup: cgroup_root::open().map_err(|error| error.to_string()),
        };
        settings.pid_namespace = inner_pid_namespace().unwrap_or(0);
        plan.inside_pid_namespace = settings.pid_namespace != 0;

        let loaded = connect::load(loader, settings, &targets);
        let (mut programs, mut first) = loaded.map_err(|error| refused().without_maps(&error))?;
        let mut users = None;
        load_ahead(&mut programs, &first_choices(wishes, &settings), &targets);
        for fact in Fact::HOOKED {
            let mut choice = match first.iter().position(|choice| choice.fact == fact) {
                Some(position) => first.swap_remove(position),
                None => {
                    let mut choice = Choice::open(fact);
                    // The hook for outcomes reports both.
                    let is_shared = matches!(fact, Fact::Listen | Fact::Inbound);
                    if !is_shared && fact.has_members(&settings) {
                        let hooks = wanted(fact, wishes);
                        attach_first(&mut programs, &mut choice, hooks, &targets);
                    }
                    choice
                }
            };
            if choice.hook.is_none() {
                match fact {
                    Fact::Users => users = UserWatch::start_for(&mut choice),
                    _ => choice.caveat = fact.caveat_without().map(str::to_owned),
                }
            }
            if choice.hook.is_none() && fact.is_essential() {
                return Err(refused().without_hook(&choice));
            }
            plan.choices.push(choice);
        }
        share_outcome(&mut plan);
        let view =
            RecorderView::of_recorder().filter(|_| recorder_view::has_identity_members(&settings));
        if view.is_none() {
            miss_identities(&mut plan);
        }
        let assembler = match view {
            Some(view) => {
                Assembler::identifying(Box::new(move |pid, exe, seen| view.judge(pid, exe, seen)))
            }
            None => Assembler::default(),
        };
        let capture = Capture::open(programs, plan, targets, assembler)
            .map(|capture| Capture { users, ..capture });
        heap::trim();
        capture
    }

    fn open(
        mut programs: Ebpf,
        plan: Plan,
        targets: Targets,
        assembler: Assembler,
    ) -> Result<Capture, CaptureError> {
        let lines = LogLines::default();
        let log = EbpfLogger::init_with_logger(&mut programs, lines.clone())
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let take = |programs: &mut Ebpf, name: &str| {
            programs
                .take_map(name)
                .ok_or_else(|| CaptureError::Channel(format!("the object has no map {name}")))
        };
        let ring = RingBuf::try_from(take(&mut programs, "EVENTS")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        unmap_second_view();
        let earlier = HashMap::try_from(take(&mut programs, "EARLIER_SOCKETS")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let peers = HashMap::try_from(take(&mut programs, "UDP_PEERS")?)
            .map(Peers)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let counters = PerCpuArray::try_from(take(&mut programs, "LOSSES")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let hooks = plan.choices.iter().filter_map(|choice| choice.hook);
        let losses = Losses::new(counters, &programs, hooks);
        Ok(Capture {
            plan,
            programs,
            targets,
            users: None,
            fill: Fill::of(ring.as_fd()),
            ring,
            earlier,
            peers,
            losses,
            log,
            lines,
            assembler,
            malformed: 0,
            live_ns: boot_now(),
            read_ns: 0,
        })
    }

    /// Follows a pre-existing connection from now on. Returns its number.
    ///
    /// # Errors
    ///
    /// The kernel has no room for it.
    pub fn adopt(
        &mut self,
        cookie: u64,
        process: ProcessId,
        user: u32,
    ) -> Result<u64, CaptureError> {
        self.earlier
            .insert(cookie, 0, 0)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        Ok(self.assembler.adopt(cookie, process, user))
    }

    /// Follows a pre-existing UDP socket from now on: counts datagrams to `remote` or, without one,
    /// of strangers. Returns its number.
    ///
    /// # Errors
    ///
    /// The kernel has no room for it.
    pub fn adopt_datagrams(
        &mut self,
        cookie: u64,
        remote: Option<SocketAddr>,
        process: ProcessId,
        user: u32,
    ) -> Result<u64, CaptureError> {
        let (key, number) = self
            .assembler
            .adopt_datagrams(cookie, remote, process, user);
        self.peers
            .0
            .insert(key.words(), PeerCount::EMITTED_WORDS, 0)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        Ok(number)
    }

    /// Returns the cookies of TCP sockets, as [`Assembler::cookies`] does.
    pub fn cookies(&self) -> BTreeMap<u64, u64> {
        self.assembler.cookies()
    }

    /// Returns the hooks in use, and those that failed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns changes of user that no program reported, and the count of overflows.
    pub fn user_changes(&mut self) -> (Vec<UserChange>, u64) {
        let Some(users) = &mut self.users else {
            return (Vec::new(), 0);
        };
        (users.changes(), users.take_overflows())
    }

    /// Adds the choice for a fact of another source.
    pub fn add_choice(&mut self, choice: Choice) {
        self.plan.choices.push(choice);
    }

    /// Returns the number of instructions that the verifier processed for the largest program of
    /// each hook.
    ///
    /// It loads programs that a better hook made superfluous, too. The number is `None` for a
    /// program that does not load, and on kernels before 5.16.
    pub fn verified_instructions(&mut self) -> Vec<(Hook, Option<u32>)> {
        let mut answers: Vec<(Hook, Option<u32>)> = Vec::new();
        for hook in Fact::HOOKED.iter().flat_map(|fact| fact.hooks()) {
            if answers.iter().any(|(known, _)| known == hook) {
                continue;
            }
            let counts = hook.programs().iter().map(|name| {
                let program = self.programs.program_mut(name)?;
                if program.fd().is_err() {
                    load_program(program, &self.targets).ok()?;
                }
                program.info().ok()?.verified_instruction_count()
            });
            let count = counts.collect::<Option<Vec<u32>>>();
            let count = count.and_then(|counts| counts.into_iter().max());
            answers.push((*hook, count));
        }
        answers
    }

    /// Reads at most `limit` records from the ring buffer, and decodes them.
    pub fn drain(&mut self, limit: usize) -> Batch {
        let mut decoded = Vec::new();
        for _ in 0..limit {
            let Some(record) = self.ring.next() else {
                self.note_empty();
                return Batch {
                    decoded,
                    is_full: false,
                };
            };
            let result = self.assembler.decode(&record, &mut self.peers);
            self.malformed += u64::from(result.is_err());
            let live_ns = self.live_ns;
            let results = self.assembler.take_decoded();
            decoded.extend(results.filter(|one| !is_too_early(one, live_ns)));
        }
        Batch {
            decoded,
            is_full: true,
        }
    }

    /// Notes the time if no record waits. One that is not complete yet holds up those behind it.
    fn note_empty(&mut self) {
        let now = boot_now();
        if self.fill() == 0 {
            self.read_ns = now;
        }
    }

    /// Returns the bytes that wait in the ring buffer; 0 if unknown.
    pub fn fill(&self) -> u64 {
        self.fill.as_ref().map_or(0, Fill::bytes)
    }

    /// Returns the attempts to connect that certainly sent nothing by now.
    pub fn expire_attempts(&mut self) -> Vec<Event> {
        self.note_empty();
        // Records that were not read yet may report a SYN.
        let before_ns = self.read_ns.saturating_sub(CERTAIN_NS);
        self.assembler.expire_attempts(before_ns)
    }

    /// Returns the closes of UDP peers that are silent, where there are many.
    pub fn close_silent_peers(&mut self) -> Vec<Event> {
        self.assembler.close_silent(boot_now(), &mut self.peers)
    }

    /// Returns the events that wait for others, at the end of a recording: all attempts to connect,
    /// and the traffic of open UDP sockets.
    pub fn flush(&mut self) -> Vec<Event> {
        let mut events = self.assembler.expire_attempts(u64::MAX);
        events.extend(self.assembler.count_open(boot_now(), &self.peers));
        events
    }

    /// Takes the losses and the kernel's log since the last call, as events.
    pub fn take_ledger(&mut self) -> Vec<Event> {
        let now = boot_now();
        let mut losses = self.losses.take();
        let own = [
            ("connection without owner", self.assembler.take_unowned()),
            ("uncounted UDP peer", self.assembler.take_uncounted()),
            ("malformed record", std::mem::take(&mut self.malformed)),
        ];
        losses.extend(
            own.into_iter()
                .filter_map(|(what, count)| lost(what, count)),
        );
        self.log.flush();
        let lines = self.lines.take();
        let lines = lines.into_iter().map(|line| KernelLog { line });
        let losses = losses.into_iter().map(EventKind::Lost);
        losses
            .chain(lines.map(EventKind::KernelLog))
            .map(|kind| Event::of_recording(now, kind))
            .collect()
    }
}

/// The results of one read of the ring buffer.
pub struct Batch {
    /// The results, in order.
    pub decoded: Vec<Decoded>,
    /// True if the limit was reached, so that more records may be waiting.
    pub is_full: bool,
}

impl AsFd for Capture {
    /// Returns a descriptor that is readable when the buffer is too full to wait for the next read.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// The time after which an attempt to connect has certainly sent nothing. A SYN follows the call
/// within microseconds, unless load delays the thread.
const CERTAIN_NS: u64 = 1_000_000_000;

/// The kernel's map of traffic: [`PeerKey`] and `PeerCount` as words.
struct Peers(HashMap<MapData, [u64; 4], [u64; 10]>);

impl PeerCounts for Peers {
    fn read(&self, key: &PeerKey) -> Option<Traffic> {
        self.0.get(&key.words(), 0).ok().map(Traffic::from_words)
    }

    fn remove(&mut self, key: &PeerKey) -> Option<Traffic> {
        let counted = self.read(key);
        // Without an entry, the kernel side had no room for it.
        let _ = self.0.remove(&key.words());
        counted
    }
}

/// Returns true for an event of a process from before all hooks were attached.
///
/// While hooks are attached one after the other, a fork may come without its exec and exit. The
/// later snapshot describes such processes better. Connections have no snapshot.
fn is_too_early(decoded: &Decoded, live_ns: u64) -> bool {
    match decoded {
        Decoded::Payload(_) => false,
        Decoded::Event(event) => {
            event.boot_ns < live_ns
                && matches!(
                    event.kind,
                    EventKind::Fork(_)
                        | EventKind::Exec(_)
                        | EventKind::Exit(_)
                        | EventKind::Rename(_)
                )
        }
    }
}

/// Notes missing identities: without them, any file with a daemon's name counts as the daemon.
fn miss_identities(plan: &mut Plan) {
    for choice in &mut plan.choices {
        if choice.fact == Fact::Exec {
            choice.caveat = Some(
                "executables are known by their paths alone: this kernel's BTF lacks the members \
                 for their files and roots"
                    .to_owned(),
            );
        }
    }
}

/// Gives the hook for outcomes to listeners too and, if both better hooks failed, to connects.
fn share_outcome(plan: &mut Plan) {
    let outcome = plan
        .choices
        .iter()
        .find(|choice| choice.fact == Fact::Outcome);
    let hook = outcome.and_then(|choice| choice.hook);
    let failures = outcome
        .map(|choice| choice.failures.clone())
        .unwrap_or_default();
    for choice in &mut plan.choices {
        let shares = matches!(choice.fact, Fact::Connect | Fact::Listen | Fact::Inbound);
        if shares && choice.hook.is_none() {
            choice.hook = hook;
            choice.failures.extend(failures.clone());
        }
    }
}

/// Returns the recorder's PID namespace unless it is the initial one. In the initial one, process
/// ids are the kernel's own.
fn inner_pid_namespace() -> Option<u32> {
    let inode = fs::metadata("/proc/self/ns/pid").ok()?.ino();
    if inode == INITIAL_PID_NAMESPACE {
        None
    } else {
        u32::try_from(inode).ok()
    }
}

/// Collects what the kernel programs log.
#[derive(Clone, Default)]
struct LogLines(Arc<Mutex<Vec<String>>>);

impl LogLines {
    fn take(&self) -> Vec<String> {
        self.0
            .lock()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default()
    }
}

impl log::Log for LogLines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Ok(mut lines) = self.0.lock() {
            lines.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}
