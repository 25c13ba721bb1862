//! Follows the plan from hook to hook, and reads what the programs send. What a kernel
//! refuses goes into the plan; only a kernel that cannot follow processes is an error.

use std::{
    fs,
    net::SocketAddr,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    sync::{Arc, Mutex},
};

use agent_tracer_ebpf::{PeerCount, PeerKey, Traffic};
use aya::{
    Ebpf,
    maps::{HashMap, MapData, PerCpuArray, RingBuf},
};
use aya_log::EbpfLogger;

use super::{
    attach::{Places, attach_first, load_program},
    btf::{self, Fields},
    cgroup_root, connect,
    error::CaptureError,
    hook::Hook,
    losses::Losses,
    memory,
    observe::{boot_now, host_facts},
    plan::{Choice, Fact, Plan},
    privileges,
    refusal::Kernel,
    standing::{self, Standing},
};
use crate::event::{Assembler, Event, EventKind, KernelLog, Lost, ProcessId, Told};

/// Inode number of the initial PID namespace (`PROC_PID_INIT_INO`).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Live hooks and the events they deliver.
pub struct Capture {
    plan: Plan,
    /// Dropping them detaches everything.
    programs: Ebpf,
    places: Places,
    ring: RingBuf<MapData>,
    /// Sockets that were there before, by cookie.
    earlier: HashMap<MapData, u64, u8>,
    /// How much went to and fro between UDP sockets and their peers.
    peers: Peers,
    losses: Losses,
    log: EbpfLogger<LogLines>,
    lines: LogLines,
    assembler: Assembler,
    malformed: u64,
    /// When all hooks were attached, nanoseconds since boot.
    live_ns: u64,
}

impl Capture {
    /// Attaches the hooks. From its return on, nothing of what they tell is missed unsaid.
    pub fn start() -> Result<Capture, CaptureError> {
        privileges::check()?;
        let refused = || Kernel::running(host_facts().kernel_release);
        let Fields {
            mut settings,
            missing,
            tcp_connect,
        } = btf::read().map_err(|error| refused().without_types(error))?;
        let mut plan = Plan {
            missing_fields: missing,
            ..Plan::default()
        };
        let places = Places {
            tcp_connect,
            cgroup: cgroup_root::open().map_err(|error| error.to_string()),
        };
        settings.pid_namespace = inner_pid_namespace().unwrap_or(0);
        plan.inside_pid_namespace = settings.pid_namespace != 0;

        let settled = connect::load(settings, &places);
        let (mut programs, mut first) = settled.map_err(|error| refused().without_maps(&error))?;
        for fact in Fact::HOOKED {
            let choice = match first.iter().position(|choice| choice.fact == fact) {
                Some(position) => first.swap_remove(position),
                None => {
                    let mut choice = Choice::open(fact);
                    if fact != Fact::Listen && fact.needs(&settings) {
                        attach_first(&mut programs, &mut choice, fact.hooks(), &places);
                    }
                    choice
                }
            };
            if choice.hook.is_none() && fact.is_essential() {
                return Err(refused().without_hook(&choice));
            }
            plan.choices.push(choice);
        }
        share_outcome(&mut plan);
        let standing = Standing::of_recorder().filter(|_| standing::is_told(&settings));
        if standing.is_none() {
            miss_identities(&mut plan);
        }
        let assembler = match standing {
            Some(standing) => {
                Assembler::identifying(Box::new(move |exe, seen| standing.judge(exe, seen)))
            }
            None => Assembler::default(),
        };
        let capture = Capture::open(programs, plan, places, assembler);
        memory::give_back();
        capture
    }

    fn open(
        mut programs: Ebpf,
        plan: Plan,
        places: Places,
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
        memory::map_ring_once();
        let earlier = HashMap::try_from(take(&mut programs, "EARLIER_SOCKETS")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let peers = HashMap::try_from(take(&mut programs, "UDP_PEERS")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let counters = PerCpuArray::try_from(take(&mut programs, "LOSSES")?)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        let hooks = plan.choices.iter().filter_map(|choice| choice.hook);
        let losses = Losses::new(counters, &programs, hooks);
        Ok(Capture {
            plan,
            programs,
            places,
            ring,
            earlier,
            peers,
            losses,
            log,
            lines,
            assembler,
            malformed: 0,
            live_ns: boot_now(),
        })
    }

    /// Takes on a connection that was there before: what becomes of it is told from now on. Its number.
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

    /// Takes on a UDP socket that was there before: datagrams to `remote` or, without one, of strangers are counted from
    /// now on. Its number.
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
            .insert(key.words(), PeerCount::TOLD_WORDS, 0)
            .map_err(|error| CaptureError::Channel(error.to_string()))?;
        Ok(number)
    }

    /// The hooks in use and those that were not to be had.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Notes what was settled for a fact that is told by something else.
    pub fn add_choice(&mut self, choice: Choice) {
        self.plan.choices.push(choice);
    }

    /// How many instructions the verifier went through for the largest program of each hook, also for those that a
    /// better hook made superfluous: they are loaded for the question. None where the kernel does
    /// not tell (before 5.16), or does not load it.
    pub fn verified_instructions(&mut self) -> Vec<(Hook, Option<u32>)> {
        let mut answers: Vec<(Hook, Option<u32>)> = Vec::new();
        for hook in Fact::HOOKED.iter().flat_map(|fact| fact.hooks()) {
            if answers.iter().any(|(known, _)| known == hook) {
                continue;
            }
            let counts = hook.programs().iter().map(|name| {
                let program = self.programs.program_mut(name)?;
                if program.fd().is_err() {
                    load_program(program, &self.places).ok()?;
                }
                program.info().ok()?.verified_instruction_count()
            });
            let count = counts.collect::<Option<Vec<u32>>>();
            let count = count.and_then(|counts| counts.into_iter().max());
            answers.push((*hook, count));
        }
        answers
    }

    /// Hands over what at most `limit` records amount to; whether more may be there.
    pub fn drain(&mut self, limit: usize, mut take: impl FnMut(Told)) -> bool {
        let live_ns = self.live_ns;
        let mut tell = |told: Told| match &told {
            Told::Event(event) if is_too_early(event, live_ns) => {}
            Told::Event(_) | Told::Payload(_) => take(told),
        };
        let peers = &mut self.peers;
        let mut count = |key: &PeerKey, forget: bool| take_count(peers, key, forget);
        for _ in 0..limit {
            let Some(record) = self.ring.next() else {
                return false;
            };
            let read = self.assembler.record(&record, &mut count, &mut tell);
            self.malformed += u64::from(read.is_err());
        }
        true
    }

    /// Hands over attempts to connect of which it is certain by now that they sent nothing. At the end of a recording,
    /// those are all.
    pub fn settle(&mut self, is_over: bool, mut take: impl FnMut(Told)) {
        let before_ns = match is_over {
            true => u64::MAX,
            false => boot_now().saturating_sub(CERTAIN_NS),
        };
        self.assembler.settle(before_ns, &mut take);
    }

    /// Hands over how many datagrams went over the sockets that are still open.
    pub fn count_datagrams(&mut self, mut take: impl FnMut(Told)) {
        let peers = &mut self.peers;
        let mut count = |key: &PeerKey, forget: bool| take_count(peers, key, forget);
        self.assembler.count(boot_now(), &mut count, &mut take);
    }

    /// What was lost or logged since the last call, as events.
    pub fn ledger(&mut self, mut take: impl FnMut(Event)) {
        let now = boot_now();
        let mut report = |what: &str, count: u64| {
            if count > 0 {
                let lost = Lost {
                    what: what.to_owned(),
                    count,
                };
                take(Event::of_recording(now, EventKind::Lost(lost)));
            }
        };
        self.losses.report(&mut report);
        report("connection without owner", self.assembler.take_unowned());
        report("uncounted UDP peer", self.assembler.take_uncounted());
        report("malformed record", std::mem::take(&mut self.malformed));
        self.log.flush();
        for line in self.lines.take() {
            take(Event::of_recording(
                now,
                EventKind::KernelLog(KernelLog { line }),
            ));
        }
    }
}

impl AsFd for Capture {
    /// Readable when the buffer is so full that waiting for the next look would be late.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// A SYN follows a call of `connect(2)` within microseconds; under load, a thread may be kept from it.
const CERTAIN_NS: u64 = 1_000_000_000;

/// [`PeerKey`] and `PeerCount` as words.
type Peers = HashMap<MapData, [u64; 4], [u64; 9]>;

fn take_count(peers: &mut Peers, key: &PeerKey, forget: bool) -> Option<Traffic> {
    let key = key.words();
    let counted = peers.get(&key, 0).ok().map(Traffic::from_words);
    if forget {
        // It may have made room for others already.
        let _ = peers.remove(&key);
    }
    counted
}

/// While hooks are attached one after the other, a fork is told and the exec and exit that follow
/// it are not. What such processes are, a snapshot taken later tells better. Connections have no
/// snapshot.
fn is_too_early(event: &Event, live_ns: u64) -> bool {
    event.boot_ns < live_ns
        && matches!(
            event.kind,
            EventKind::Fork(_) | EventKind::Exec(_) | EventKind::Exit(_) | EventKind::Rename(_)
        )
}

/// Without the members that tell of it, a file that is only called like a daemon is taken for it.
fn miss_identities(plan: &mut Plan) {
    for choice in &mut plan.choices {
        if choice.fact == Fact::Exec {
            choice.caveat = Some(
                "which file an executable is, and in whose root, is not known: this kernel's BTF \
                 does not say"
                    .to_owned(),
            );
        }
    }
}

/// The hook for outcomes tells who listens and, where neither first choice works, connects too.
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
        let shares = choice.fact == Fact::Connect || choice.fact == Fact::Listen;
        if shares && choice.hook.is_none() {
            choice.hook = hook;
            choice.failures.extend(failures.clone());
        }
    }
}

/// Our PID namespace, where it is not the initial one, in which the kernel's own numbers
/// are the ones that everybody sees.
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
