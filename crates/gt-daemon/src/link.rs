//! The connection to one holder: its reports become events, requests get their answers.

use std::path::PathBuf;
use std::time::Duration;

use gt_core::{AgentId, IncarnationId, ProcessId};
use gt_host::holder::protocol::{self, Answer, Message, Request};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};

use crate::event::Event;

/// How long a holder may take to answer what it answers at once. Holders do nothing else; one
/// that takes this long is stopped or starved, and is then unknown, not gone.
const ANSWER: Duration = Duration::from_secs(5);

/// Why a holder did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is no connection, or it ended.
    #[error("the connection to its holder ended")]
    Lost,
    /// No answer in time.
    #[error("its holder did not answer within {0:?}")]
    TimedOut(Duration),
    /// It could not be connected to.
    #[error("cannot connect to its holder")]
    Connect(#[source] std::io::Error),
    /// Another process listens there.
    #[error("another process listens on its holder's socket")]
    Stranger,
    /// It said something else than an answer to the question.
    #[error("its holder answered with {0}")]
    Unexpected(String),
}

/// What the connection's task is asked for, and where the answer goes.
#[derive(Debug)]
enum Asked {
    /// A request to the holder.
    Request(Request, oneshot::Sender<Answer>),
    /// The holder's word that all processes of a run are gone.
    Gone(IncarnationId, oneshot::Sender<Answer>),
}

/// Tells one connection to a holder from the next: news of an old one's end does not concern it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkId(pub(crate) u64);

/// Where a holder listens.
#[derive(Debug)]
pub(crate) struct HolderAt {
    pub(crate) socket: PathBuf,
    /// Which process it is, if that is known.
    pub(crate) process: Option<ProcessId>,
}

/// A handle to the connection.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    requests: mpsc::Sender<Asked>,
}

impl Link {
    /// Connects, to this very process if it is known, asks for a report and keeps the connection until
    /// it ends. Everything the holder
    /// says, that report first, reaches the loop as [`Event::Holder`], the end as [`Event::HolderLost`].
    pub(crate) async fn open(
        id: LinkId,
        agent: AgentId,
        holder: HolderAt,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, LinkError> {
        let stream = tokio::time::timeout(ANSWER, UnixStream::connect(&holder.socket))
            .await
            .map_err(|_| LinkError::TimedOut(ANSWER))?
            .map_err(LinkError::Connect)?;
        if !is_of(&stream, holder.process) {
            return Err(LinkError::Stranger);
        }
        let (requests, queue) = mpsc::channel(4);
        tokio::task::spawn_local(converse(id, agent, stream, queue, events));
        let link = Self { id, requests };
        link.hello().await?;
        Ok(link)
    }

    /// Asks for a report, which reaches the loop like everything that the holder says.
    pub(crate) async fn hello(&self) -> Result<(), LinkError> {
        match self.ask(Request::Hello, ANSWER).await? {
            Answer::Report { .. } => Ok(()),
            other => Err(LinkError::Unexpected(format!("{other:?}"))),
        }
    }

    /// Whether the connection ended meanwhile.
    pub(crate) fn is_lost(&self) -> bool {
        self.requests.is_closed()
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(
        &self,
        request: Request,
        deadline: Duration,
    ) -> Result<Answer, LinkError> {
        let (answer, response) = oneshot::channel();
        self.requests
            .send(Asked::Request(request, answer))
            .await
            .map_err(|_| LinkError::Lost)?;
        within(deadline, response).await
    }

    /// Asks to stop a run and waits until nothing of it is left: the answer is then
    /// [`Answer::Gone`], or the refusal.
    pub(crate) async fn stop(
        &self,
        incarnation: IncarnationId,
        grace_ms: u64,
        deadline: Duration,
    ) -> Result<Answer, LinkError> {
        let (answer, gone) = oneshot::channel();
        self.requests
            .send(Asked::Gone(incarnation, answer))
            .await
            .map_err(|_| LinkError::Lost)?;
        match self
            .ask(
                Request::Stop {
                    incarnation,
                    grace_ms,
                },
                ANSWER,
            )
            .await?
        {
            Answer::Stopping { .. } => within(deadline, gone).await,
            other => Ok(other),
        }
    }
}

/// Whether this very process listens at the other end, as far as that is known.
fn is_of(stream: &UnixStream, holder: Option<ProcessId>) -> bool {
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let peer = peer.and_then(|pid| u32::try_from(pid).ok());
    peer.zip(holder)
        .is_none_or(|(peer, holder)| peer == holder.pid)
}

async fn within(
    deadline: Duration,
    answer: oneshot::Receiver<Answer>,
) -> Result<Answer, LinkError> {
    match tokio::time::timeout(deadline, answer).await {
        Ok(answer) => answer.map_err(|_| LinkError::Lost),
        Err(_) => Err(LinkError::TimedOut(deadline)),
    }
}

/// Answers that are waited for. Holders answer in order but for a start that first ends what is
/// left of the run before.
#[derive(Default)]
struct Pending {
    next_id: u64,
    answers: Vec<(u64, oneshot::Sender<Answer>)>,
    gone: Vec<(IncarnationId, oneshot::Sender<Answer>)>,
}

async fn converse(
    id: LinkId,
    agent: AgentId,
    stream: UnixStream,
    mut queue: mpsc::Receiver<Asked>,
    events: mpsc::Sender<Event>,
) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(512, reader);
    let mut pending = Pending::default();
    let mut line = Vec::new();
    loop {
        tokio::select! {
            asked = queue.recv() => {
                let Some(asked) = asked else { break };
                if let Some(line) = pending.note(asked)
                    && writer.write_all(&line).await.is_err()
                {
                    break;
                }
            }
            // `line` keeps what was read when the other arm wins.
            read = read_line(&mut reader, &mut line) => {
                if !read {
                    break;
                }
                if let Ok(message) = protocol::decode::<Answer>(&line) {
                    deliver(&agent, message, &mut pending, &events).await;
                }
                line.clear();
            }
        }
    }
    // A loop that has ended needs no news of holders.
    let _ = events.send(Event::HolderLost(agent, id)).await;
}

/// Reads the rest of a line; false at the end of the connection.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> bool {
    let limit = protocol::MAX_LINE.saturating_sub(line.len()) as u64;
    let read = reader.take(limit).read_until(b'\n', line).await;
    read.is_ok() && line.last() == Some(&b'\n')
}

impl Pending {
    /// Notes who waits for what; the line to write, if it is for the holder.
    fn note(&mut self, asked: Asked) -> Option<Vec<u8>> {
        match asked {
            Asked::Request(request, answer) => {
                self.next_id += 1;
                self.answers.push((self.next_id, answer));
                Some(protocol::encode(Some(self.next_id), &request))
            }
            Asked::Gone(incarnation, answer) => {
                self.gone.push((incarnation, answer));
                None
            }
        }
    }

    /// The waiter for the answer to this request.
    fn take(&mut self, id: u64) -> Option<oneshot::Sender<Answer>> {
        let place = self.answers.iter().position(|(asked, _)| *asked == id)?;
        Some(self.answers.remove(place).1)
    }

    fn tell_gone(&mut self, answer: &Answer) {
        let Answer::Gone { incarnation, .. } = answer else {
            return;
        };
        let (told, kept) = std::mem::take(&mut self.gone)
            .into_iter()
            .partition(|(run, _)| run == incarnation);
        self.gone = kept;
        let told: Vec<(IncarnationId, oneshot::Sender<Answer>)> = told;
        for (_, waiter) in told {
            // Whoever waited may have given up.
            let _ = waiter.send(answer.clone());
        }
    }
}

/// Gives an answer to whoever asked, and what the holder says to the loop, in the order in which it
/// was said: news of a run's end must never overtake the word of its start.
async fn deliver(
    agent: &AgentId,
    message: Message<Answer>,
    pending: &mut Pending,
    events: &mpsc::Sender<Event>,
) {
    let tells_state = matches!(message.body, Answer::Started { .. } | Answer::Report { .. });
    if message.id.is_none() || tells_state {
        // A loop that has ended needs no news of holders.
        let _ = events
            .send(Event::Holder(agent.clone(), Box::new(message.body.clone())))
            .await;
    }
    match message.id {
        Some(id) => {
            if let Some(waiter) = pending.take(id) {
                // Whoever asked may have given up.
                let _ = waiter.send(message.body);
            }
        }
        None => pending.tell_gone(&message.body),
    }
}
