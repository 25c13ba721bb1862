//! Passes sockets between processes over a local socket: connected ones, and some to connect there.

use std::{
    io::{IoSlice, IoSliceMut},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
            UnixAddr, recvmsg, sendmsg, socketpair,
        },
        wait::waitpid,
    },
    unistd::{ForkResult, fork},
};

use super::{Attempt, method, say_owner};

/// Connects, and leaves the rest to another process.
pub(super) fn pass(attempt: &Attempt, name: &str) {
    between(
        || {
            let (socket, answer) = method::ask(attempt);
            answer.expect("a connection");
            socket
        },
        |socket| drop(attempt.finish(name, socket, Ok(()))),
    );
}

/// Makes a socket that another process connects: that one is the owner.
pub(super) fn lend(attempt: &Attempt, name: &str) {
    let address = attempt.address();
    between(
        || method::new_socket(address),
        |socket| {
            say_owner(name);
            let answer: Result<(), Errno> = method::plain(&socket, address);
            attempt.finish(name, socket, answer);
        },
    );
}

/// Passes a socket from the process that makes it to an older one. The first has closed it by then.
fn between(make: impl FnOnce() -> OwnedFd, take: impl FnOnce(OwnedFd)) {
    let (own, other) = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .expect("a pair of sockets");
    // SAFETY: this process has only this one thread.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            drop(own);
            take(receive(&other));
        }
        ForkResult::Parent { child } => {
            drop(other);
            let socket = make();
            let descriptors = [socket.as_raw_fd()];
            let message = [ControlMessage::ScmRights(&descriptors)];
            let word = [IoSlice::new(b"!")];
            sendmsg::<UnixAddr>(own.as_raw_fd(), &word, &message, MsgFlags::empty(), None)
                .expect("a message");
            drop(socket);
            nix::unistd::write(&own, b"!").expect("a word");
            waitpid(child, None).expect("its child");
        }
    }
}

fn receive(from: &OwnedFd) -> OwnedFd {
    let mut word = [0];
    let mut room = nix::cmsg_space!([RawFd; 1]);
    let descriptor = {
        let mut parts = [IoSliceMut::new(&mut word)];
        let message = recvmsg::<UnixAddr>(
            from.as_raw_fd(),
            &mut parts,
            Some(&mut room),
            MsgFlags::empty(),
        )
        .expect("a message");
        message
            .cmsgs()
            .expect("what comes with it")
            .find_map(|part| match part {
                ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
                _ => None,
            })
            .expect("a socket")
    };
    nix::unistd::read(from, &mut word).expect("the other one has closed it");
    // SAFETY: the kernel has just made it for this process.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
