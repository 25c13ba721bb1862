//! tracer
fn main() {
    let t = std::time::Instant::now();
    let mut c = agent_tracer::capture::Capture::start().unwrap();
    eprintln!("{:?} {:#?}", t.elapsed(), c.plan());
    for _ in 0..100 { std::thread::sleep(std::time::Duration::from_millis(30)); c.drain(10000, |e| println!("{e:?}")); c.ledger(|e| println!("{e:?}")); }
}
