//! The command line: what `switchboard serve` and its sisters do.

use crate::{
    account, api,
    config::{self, Config},
    demo, embedded, http, limits,
    roles::{self, Parts, Role},
    signals, telemetry,
};
use clap::{Parser, Subcommand};
use common::{
    clock::{Clock as _, SystemClock},
    error::Chain,
};
use egress::Guard;
use metrics_exporter_prometheus::PrometheusHandle;
use shutdown::Shutdown;
use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use store::reseal::Resealed;
use tracing::info;

/// The real-time communications server that you run yourself.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file [default: ./switchboard.toml if it exists]
    #[arg(long, global = true, env = "SWITCHBOARD_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// The roles this process plays
        #[arg(long, value_delimiter = ',', value_enum, default_values_t = Role::ALL)]
        roles: Vec<Role>,
        /// Prepare a demo account, and send its WhatsApp replies to `switchboard demo`
        #[arg(long)]
        demo: bool,
        /// What the person at the terminal types instead of `switchboard demo`
        #[arg(long, hide = true)]
        demo_command: Option<String>,
    },
    /// Bring the database of `database.owner_url` up to date, creating roles where they are missing
    Migrate,
    /// Create an account with an administrator, and print the password
    CreateAccount {
        /// The account's name
        name: String,
        /// The administrator's e-mail address
        email: String,
        /// The administrator's password [default: a fresh one]
        #[arg(long)]
        password: Option<String>,
    },
    /// Seal all secrets with the newest of `seal.keys`, so that older ones can be removed
    Reseal,
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Print the OpenAPI document of the REST layer
    Openapi,
    /// Print the AsyncAPI document of the WebSocket protocol
    Asyncapi,
    /// Print a coturn configuration that fits `[turn]`
    TurnConfig,
    /// Play a customer of the demo account who writes by WhatsApp
    Demo {
        /// The customer's first message
        #[arg(default_value = "Hello! Is my order on its way?")]
        text: String,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Read it and say what is wrong
    Check,
    /// Print every setting with its default
    Example,
    /// Print what is limited, and by how much, as docs/LIMITS.md has it
    Limits,
}

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "switchboard: {}", Chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let config = || Config::load(arguments.config.as_deref(), std::env::vars());
    match arguments.command {
        Command::Serve { roles, demo, demo_command } => {
            let customer = demo.then(|| customer_command(demo_command, arguments.config.as_deref()));
            serve(config()?, &roles, customer)
        }
        Command::Migrate => migrate(&config()?),
        Command::CreateAccount { name, email, password } => {
            create_account(config()?, &name, &email, password)
        }
        Command::Reseal => reseal(config()?),
        Command::Config { what: ConfigCommand::Check } => {
            config()?;
            Ok(writeln!(io::stdout(), "The configuration is valid.")?)
        }
        Command::Config { what: ConfigCommand::Example } => {
            Ok(io::stdout().write_all(config::EXAMPLE.as_bytes())?)
        }
        Command::Config { what: ConfigCommand::Limits } => {
            Ok(io::stdout().write_all(limits::document().as_bytes())?)
        }
        Command::Openapi => Ok(writeln!(io::stdout(), "{}", serde_json::to_string_pretty(api::openapi())?)?),
        Command::Asyncapi => Ok(io::stdout().write_all(api::ASYNCAPI.as_bytes())?),
        Command::TurnConfig => {
            Ok(io::stdout().write_all(turn_config::coturn_conf(&config()?.turn)?.as_bytes())?)
        }
        Command::Demo { text } => {
            let config = config()?;
            let data_dir = config.database.data_dir.unwrap_or_else(embedded::default_data_dir);
            Ok(runtime()?.block_on(demo::play(&data_dir, &text))?)
        }
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn migrate(config: &Config) -> Result<(), Box<dyn Error>> {
    let owner = config.database.owner_url.as_ref().ok_or("database.owner_url is not configured")?;
    runtime()?.block_on(store::bootstrap::migrate(owner))?;
    Ok(writeln!(io::stdout(), "The database is up to date.")?)
}

fn create_account(
    mut config: Config,
    name: &str,
    email: &str,
    password: Option<String>,
) -> Result<(), Box<dyn Error>> {
    let embedded = if config.database.url.is_none() { Some(embedded::start(&mut config)?) } else { None };
    let password = runtime()?.block_on(async {
        if embedded.is_some() {
            roles::bootstrap(&config).await?;
        }
        // An account needs no bus.
        config.redis.url = None;
        let parts = Parts::connect(&config, &Shutdown::default()).await?;
        let password = account::create(&parts, name, email, password).await?;
        parts.store.close().await;
        Ok::<_, Box<dyn Error>>(password)
    })?;
    Ok(writeln!(io::stdout(), "Account {name} was created. Sign in as {email} with password {password}")?)
}

fn reseal(mut config: Config) -> Result<(), Box<dyn Error>> {
    let embedded = if config.database.url.is_none() { Some(embedded::start(&mut config)?) } else { None };
    let done = runtime()?.block_on(async {
        if embedded.is_some() {
            roles::bootstrap(&config).await?;
        }
        // Secrets need no bus.
        config.redis.url = None;
        let parts = Parts::connect(&config, &Shutdown::default()).await?;
        let done = store::reseal::all(&parts.store).await?;
        parts.store.close().await;
        Ok::<_, Box<dyn Error>>(done)
    })?;
    let Resealed { changed, current, lost } = done;
    writeln!(
        io::stdout(),
        "{changed} secrets are sealed with the newest key now, {current} were already, {lost} cannot be opened."
    )?;
    if lost > 0 { Err("the keys of some secrets are missing; set those secrets anew".into()) } else { Ok(()) }
}

/// What plays a customer of the demo with this configuration: `given`, or this program.
fn customer_command(given: Option<String>, config: Option<&Path>) -> String {
    let this_program = || std::env::args_os().next().map_or_else(|| "switchboard".into(), PathBuf::from);
    let command = given.unwrap_or_else(|| format!("{} demo", this_program().display()));
    config.map_or_else(|| command.clone(), |path| format!("{command} --config {}", path.display()))
}

/// Runs until it is told to end; with a demo account if there is a command that plays its `customer`.
fn serve(mut config: Config, roles: &[Role], customer: Option<String>) -> Result<(), Box<dyn Error>> {
    let started = SystemClock.now();
    telemetry::start_logging(&config.log);
    let metrics = telemetry::start_metrics()?;
    let embedded = match config.database.url {
        Some(_) if customer.is_some() => {
            return Err("--demo is for the embedded mode; remove database.url".into());
        }
        Some(_) => None,
        None => Some(embedded::start(&mut config)?),
    };
    let demo = match (&embedded, customer) {
        (Some(embedded), Some(customer)) => Some((demo::phone_address(&embedded.data_dir)?, customer)),
        _ => None,
    };
    if let Some((phone, _)) = &demo {
        config.inbox.graph.base_url = format!("http://{phone}").parse()?;
    }
    runtime()?.block_on(async {
        let shutdown = Shutdown::default();
        signals::listen(&shutdown)?;
        if let Some(embedded) = &embedded {
            roles::bootstrap(&config).await?;
            let (lost, token) = (embedded.lost.clone(), shutdown.token.clone());
            let ended = shutdown.token.clone();
            shutdown.tasks.spawn(async move {
                ended.run_until_cancelled(lost.cancelled()).await;
                token.cancel();
            });
        }
        let parts = Parts::connect(&config, &shutdown).await?;
        let router = roles::start(&config, &parts, roles, &shutdown).await?;
        serve_metrics(&config.http, metrics, &parts.guard, &shutdown).await?;
        let listener = http::listen(config.http.listen)?;
        let address = listener.local_addr()?;
        parts.guard.add_own_listener(address);
        let url = http::url_here(address);
        let note = match (&embedded, demo) {
            (Some(embedded), Some((phone, customer))) => {
                let reached = http::address_here(address);
                let password = demo::prepare(&parts, &embedded.data_dir, reached, phone).await?;
                Some(demo::Note { url: url.clone(), customer, password })
            }
            _ => None,
        };
        announce(&url, SystemClock.now().duration_since(started), note.as_ref())?;
        let media = if roles.contains(&Role::Sfu) { config.sfu.tcp.descriptors_max() } else { 0 };
        http::serve(listener, router, &config.http, media, shutdown.clone()).await;
        shutdown.drain(Duration::from_secs(config.http.drain_s)).await;
        parts.store.close().await;
        Ok::<_, Box<dyn Error>>(())
    })
}

/// Serves `/metrics` where `http.metrics_listen` says, if it does.
async fn serve_metrics(
    config: &config::Http,
    metrics: PrometheusHandle,
    guard: &Guard,
    shutdown: &Shutdown,
) -> Result<(), Box<dyn Error>> {
    shutdown.tasks.spawn(telemetry::keep_up(metrics.clone(), shutdown.clone()));
    let Some(address) = config.metrics_listen else { return Ok(()) };
    let listener = http::listen(address)?;
    let address = listener.local_addr()?;
    guard.add_own_listener(address);
    info!("Metrics are at {}/metrics", http::url_here(address));
    shutdown.tasks.spawn(http::serve_metrics(listener, metrics, shutdown.clone()));
    Ok(())
}

/// Tells the person at the terminal where to go; logs go to standard error.
fn announce(url: &str, took: Duration, demo: Option<&demo::Note>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nSwitchboard is ready after {:.1} s: {url}\n", took.as_secs_f64())?;
    if let Some(note) = demo {
        writeln!(out, "{note}")?;
    }
    out.flush()
}
