//! Media through real sockets, handshakes and encryption: what a packet costs the server, beside Janus.

mod description;
mod flow;
mod janus;
mod namespace;
mod node;
mod peer;
mod scenario;
mod switchboard;
mod target;

pub(crate) use node::{Options as NodeOptions, run as run_node};

use crate::{cpu, percentiles::Latencies};
use flow::{Tally, Window};
use janus::Janus;
use peer::Identity;
use scenario::{Per, Scenario, Stage};
use std::{
    error::Error,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::{Duration, Instant},
};
use switchboard::Switchboard;
use target::Server;
use tokio::time::sleep;

/// How long what was sent last may be under way.
const TAIL_TIME: Duration = Duration::from_millis(300);

/// How long a window is open whose figures nobody needs: paths, caches and buffers are warm after it.
const WARM_UP_TIME: Duration = Duration::from_secs(2);

/// What `--vs` calls it.
const JANUS: &str = "janus";

/// Added latency that the design allows, in milliseconds.
const LATENCY_BUDGET_MS: f64 = 2.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which scenarios: those whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Seconds of each window
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Windows, of which the median is shown
    #[arg(long, default_value_t = 3)]
    windows: usize,
    /// Measures another server beside ours, in turns: `janus` (Debian's package, tuned; in a network
    /// namespace, which takes root), or the path of another build of this tool
    #[arg(long)]
    vs: Option<String>,
    /// In the network of its own already
    #[arg(long, hide = true)]
    inside: bool,
}

/// What one window cost.
struct Figures {
    packets: u64,
    /// Of those that were to be delivered.
    missing: u64,
    /// CPU time per packet, and which share of it was the system's: sampled, so that the sum is better known.
    total_us: f64,
    system_share: f64,
    ages: Latencies,
    resident_bytes: u64,
}

pub(crate) async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let wants_janus = options.vs.as_deref() == Some(JANUS);
    let missing = if wants_janus { janus::is_missing() } else { None };
    if let Some(missing) = &missing {
        writeln!(io::stdout(), "{missing}")?;
    }
    let with_janus = wants_janus && missing.is_none();
    if with_janus && !options.inside {
        let ended = namespace::run_again("--inside")?;
        return if ended.success() { Ok(()) } else { Err(format!("the measuring process: {ended}").into()) };
    }
    let ip = if with_janus {
        namespace::set_up()?;
        namespace::ADDRESS
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    };
    #[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
    let identity = Identity::new(Instant::now())?;
    let this = std::env::current_exe()?;
    let other_build = options.vs.as_deref().filter(|_| !wants_janus).map(Path::new);
    for scenario in scenario::ALL.iter().filter(|scenario| scenario.name.contains(&options.only)) {
        let mut ours = Switchboard::start(&this, ip).await?;
        let mut measured = vec![Measured::set(scenario, "Switchboard", &mut ours, &identity, ip).await?];
        // They end with the scenario.
        let (mut janus, mut other);
        if with_janus {
            janus = Janus::start(ip).await?;
            measured.push(Measured::set(scenario, "Janus", &mut janus, &identity, ip).await?);
        }
        if let Some(build) = other_build {
            other = Switchboard::start(build, ip).await?;
            measured.push(Measured::set(scenario, "the other build", &mut other, &identity, ip).await?);
        }
        for _ in 0..options.windows {
            // In turns: whatever else the machine does meets both.
            for server in &mut measured {
                let figures = server.window(scenario, Duration::from_secs(options.seconds)).await?;
                server.figures.push(figures);
            }
        }
        let costs: Vec<f64> = measured
            .iter_mut()
            .filter_map(|server| server.print(scenario).transpose())
            .collect::<Result<_, _>>()?;
        if let [ours, theirs] = costs.as_slice() {
            writeln!(io::stdout(), "  {:.2} times as much", theirs / ours)?;
        }
    }
    Ok(())
}

/// A server under a scenario's load.
struct Measured {
    name: &'static str,
    id: u32,
    stage: Stage,
    figures: Vec<Figures>,
}

impl Measured {
    async fn set(
        scenario: &Scenario,
        name: &'static str,
        server: &mut impl Server,
        identity: &Identity,
        ip: IpAddr,
    ) -> Result<Self, Box<dyn Error>> {
        let stage = scenario.set(server, identity, ip).await?;
        let id = server.id().ok_or("the server has ended")?;
        let measured = Self { name, id, stage, figures: Vec::new() };
        measured.window(scenario, WARM_UP_TIME).await?;
        Ok(measured)
    }

    /// Lets everybody send for a while.
    async fn window(&self, scenario: &Scenario, time: Duration) -> Result<Figures, Box<dyn Error>> {
        let window = Window { is_open: true, ..Window::default() };
        let before = cpu::of_process(self.id)?;
        self.stage.window.send_replace(window.clone());
        sleep(time).await;
        self.stage.window.send_replace(Window { is_open: false, ..window.clone() });
        sleep(TAIL_TIME).await;
        let after = cpu::of_process(self.id)?;
        let mut tally = Tally::default();
        window.note(|noted| tally = std::mem::take(noted));
        let delivered = u64::try_from(tally.ages.count())?;
        let (packets, due) = match scenario.per {
            Per::Delivered => (delivered, scenario.due(tally.sent)),
            Per::TakenIn => (tally.sent, tally.sent),
        };
        let (user, system) = (after.user - before.user, after.system - before.system);
        Ok(Figures {
            missing: due.saturating_sub(packets),
            total_us: (after.running - before.running).as_secs_f64() * 1e6 / packets.max(1) as f64,
            system_share: system.as_secs_f64() / (user + system).as_secs_f64().max(f64::EPSILON),
            packets,
            ages: tally.ages,
            resident_bytes: after.resident_bytes,
        })
    }

    /// Prints the median of the windows, by what a packet cost, and returns that.
    fn print(&mut self, scenario: &Scenario) -> io::Result<Option<f64>> {
        self.figures.sort_by(|one, other| one.total_us.total_cmp(&other.total_us));
        let (Some(least), Some(most)) = (self.figures.first(), self.figures.last()) else { return Ok(None) };
        let (least_us, most_us) = (least.total_us, most.total_us);
        let Some(median) = self.figures.get(self.figures.len() / 2) else { return Ok(None) };
        let total = median.total_us;
        let (per, latency) = match scenario.per {
            Per::Delivered => ("delivered", format!("; {} (budget p99 {LATENCY_BUDGET_MS} ms)", median.ages)),
            Per::TakenIn => ("taken in", String::new()),
        };
        writeln!(
            io::stdout(),
            "{}, {}: {total:.2} µs CPU a packet {per} ({least_us:.2}–{most_us:.2}; {:.2} × budget of {}), user {:.2}, system {:.2}; {} packets, {} missing{}; resident {:.1} MB",
            scenario.name,
            self.name,
            total / scenario.budget_us,
            scenario.budget_us,
            total * (1.0 - median.system_share),
            total * median.system_share,
            median.packets,
            median.missing,
            latency,
            median.resident_bytes as f64 / 1e6,
        )?;
        Ok(Some(total))
    }
}
