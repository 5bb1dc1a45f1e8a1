//! Requests of clients: answered from what the loop knows, or noted for the next beat.

use std::time::Duration;

use gt_api::request::{Reach, Request, Response};
use gt_core::event::{EventKind, NewEvent};
use gt_core::{AgentId, Observed};
use gt_host::clock;
use gt_host::identity::Caller;
use tokio::sync::oneshot;

use crate::daemon::{Daemon, Waiter};

impl Daemon {
    pub(super) fn take_request(
        &mut self,
        request: Request,
        peer: u32,
        reply: oneshot::Sender<Response>,
    ) {
        let response = match request {
            Request::Hello => Response::Hello {
                version: crate::VERSION.to_owned(),
                pid: std::process::id(),
                protocol: gt_api::PROTOCOL,
            },
            Request::Status => Response::Status(Box::new(self.status())),
            Request::Glance => self.glance(),
            Request::Why { agent } => return self.answer_why(agent, reply),
            Request::Wake => self.answered(Self::read_store),
            Request::Reload => return self.answer_reload(reply),
            Request::Down if !self.is_persons(peer) => {
                refused("only a person brings the town down")
            }
            Request::Up if !self.is_persons(peer) && self.down() != Observed::Known(false) => {
                refused("the town is down, and only a person brings it up")
            }
            Request::Down => self.answered(|daemon| daemon.set_down(true, peer)),
            Request::Up => self.answered(|daemon| daemon.set_down(false, peer)),
            Request::Stop => self.answered(|daemon| {
                daemon.ended_by = Some(daemon.actor(peer));
                daemon.ending = true;
            }),
            Request::Await {
                agents,
                goal,
                timeout_ms,
            } => {
                return self.take_waiter(agents, goal, timeout_ms, reply);
            }
        };
        // The client may have hung up.
        let _ = reply.send(response);
    }

    pub(super) fn answered(&mut self, act: impl FnOnce(&mut Self)) -> Response {
        act(self);
        Response::Done
    }

    pub(super) fn set_down(&mut self, down: bool, peer: u32) {
        self.told_down = down;
        if !down {
            self.read_environment();
        }
        if !down && self.is_persons(peer) {
            self.raised_at = Some(clock::now());
        }
        let word = if down { "down" } else { "up" };
        self.record(NewEvent {
            kind: EventKind::IntentChanged,
            agent: None,
            actor: self.actor(peer),
            text: format!("the town shall be {word}"),
        });
        self.read_store();
    }

    /// Whether a person may be behind a connection.
    fn is_persons(&self, peer: u32) -> bool {
        Caller::may_be_person(&Caller::of_peer(self.hands.town.paths(), peer))
    }

    /// Who is behind a connection.
    pub(super) fn actor(&self, peer: u32) -> String {
        let caller = Caller::of_peer(self.hands.town.paths(), peer);
        caller.map_or_else(
            |_| "unknown".to_owned(),
            |caller| caller.actor().to_string(),
        )
    }

    pub(super) fn take_waiter(
        &mut self,
        agents: Vec<AgentId>,
        goal: Reach,
        timeout_ms: u64,
        reply: oneshot::Sender<Response>,
    ) {
        if agents.is_empty() && self.discovery.is_none() {
            // The client may have hung up.
            let _ = reply.send(refused("who is in the town is not known yet"));
            return;
        }
        let agents = if agents.is_empty() {
            self.seats.keys().cloned().collect()
        } else {
            agents
        };
        let deadline = clock::monotonic() + Duration::from_millis(timeout_ms);
        self.waiters.push(Waiter {
            agents,
            goal,
            deadline,
            reply,
        });
        self.read_store();
    }
}

fn refused(why: &str) -> Response {
    Response::Error {
        message: why.to_owned(),
        refused: true,
    }
}
