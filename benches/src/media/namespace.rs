//! A network of one's own, in which no other program is: Janus has no candidates on loopback interfaces.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr},
    process::{Command, ExitStatus},
};

/// The address there. It is reached over the loopback interface all the same, as every own address is.
pub(super) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));

/// Runs this program again with the same arguments and `argument`, in a network namespace without a way out.
pub(super) fn run_again(argument: &str) -> Result<ExitStatus, Box<dyn Error>> {
    let mut command = Command::new("unshare");
    command.arg("--net").arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).arg(argument);
    Ok(command.status()?)
}

/// Gives the namespace that this program runs in its address.
///
/// # Errors
/// If the system refuses: it takes the right to administer networks.
pub(super) fn set_up() -> Result<(), Box<dyn Error>> {
    for arguments in [
        "link set lo up",
        "link add bench0 type veth peer name bench1",
        "addr add 10.77.0.1/24 dev bench0",
        "link set bench0 up",
        "link set bench1 up",
    ] {
        let done = Command::new("ip").args(arguments.split(' ')).output()?;
        if !done.status.success() {
            return Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
    }
    Ok(())
}
