//! A team of threads for matrix products, which are too short for threads that have to be woken.
//!
//! A product of 256 x 256 takes twenty microseconds on sixteen cores, and waking as many threads takes longer. So the threads of
//! the team watch for the next job for a while before they sleep, as those of OpenMP do. A job is a number of tasks, taken from a
//! counter by whoever is free, the caller among them; a thread that comes late finds the job closed and goes back to watching.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, Thread};

use super::super::parallel;

/// Turns of a loop in which a thread watches before it sleeps: about a tenth of a millisecond.
const WATCH: usize = 1 << 11;

/// What the team works on.
#[derive(Clone, Copy)]
struct Job {
    work: &'static (dyn Fn(usize) + Sync),
    count: usize,
}

struct Member {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
}

struct Team {
    members: Vec<Member>,
    /// Held by the caller whose job it is.
    caller: Mutex<()>,
    job: RwLock<Option<Job>>,
    /// Counts the jobs; changes when one begins.
    jobs: AtomicUsize,
    /// The next task.
    next: AtomicUsize,
    /// [`OPEN`] while members may join the job, plus the number of those that have joined and not left.
    joined: AtomicUsize,
    panicked: AtomicBool,
}

const OPEN: usize = 1 << 31;

static TEAM: LazyLock<Option<&'static Team>> = LazyLock::new(|| {
    let member = |_| Member { thread: OnceLock::new(), asleep: AtomicBool::new(false) };
    let team: &'static Team = Box::leak(Box::new(Team {
        members: (1..parallel::threads()).map(member).collect(),
        caller: Mutex::new(()),
        job: RwLock::new(None),
        jobs: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        joined: AtomicUsize::new(0),
        panicked: AtomicBool::new(false),
    }));
    for (i, member) in team.members.iter().enumerate() {
        let name = format!("tilework-matmul-{i}");
        let handle = thread::Builder::new().name(name).spawn(move || team.serve(i)).ok()?;
        // Nobody else sets it.
        let _ = member.thread.set(handle.thread().clone());
    }
    Some(team)
});

/// Calls `work` with each number below `count`, on all cores if the job is `large`, else on this thread.
pub fn for_each(large: bool, count: usize, work: &(dyn Fn(usize) + Sync)) {
    match *TEAM {
        Some(team) if large && count > 1 && !team.members.is_empty() => team.run(count, work),
        _ => (0..count).for_each(work),
    }
}

impl Team {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let _caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: members call it only between joining and leaving the job, and `Close` waits for the last to leave before this
        // function returns or unwinds, while the borrow lives.
        let work: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(work) };
        let job = Job { work, count };
        *self.job.write().unwrap_or_else(PoisonError::into_inner) = Some(job);
        self.next.store(0, Ordering::Relaxed);
        self.panicked.store(false, Ordering::Relaxed);
        let close = Close(self);
        self.joined.store(OPEN, Ordering::Release);
        self.jobs.fetch_add(1, Ordering::SeqCst);
        self.wake(0);
        self.tasks(job);
        drop(close);
        assert!(!self.panicked.load(Ordering::Relaxed), "a task of a matrix product panicked");
    }

    fn tasks(&self, job: Job) {
        loop {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            if task >= job.count {
                return;
            }
            (job.work)(task);
        }
    }

    /// Wakes the sleepers among two members, who wake two more each.
    fn wake(&self, first: usize) {
        for member in self.members.iter().skip(first).take(2) {
            if member.asleep.load(Ordering::SeqCst)
                && let Some(thread) = member.thread.get()
            {
                thread.unpark();
            }
        }
    }

    fn serve(&self, number: usize) {
        let mut seen = 0;
        loop {
            self.watch(number, seen);
            seen = self.jobs.load(Ordering::SeqCst);
            self.wake(2 * number + 2);
            let open = |joined: usize| (joined & OPEN != 0).then_some(joined + 1);
            if self.joined.fetch_update(Ordering::Acquire, Ordering::Relaxed, open).is_err() {
                continue;
            }
            let job = *self.job.read().unwrap_or_else(PoisonError::into_inner);
            if catch_unwind(AssertUnwindSafe(|| job.into_iter().for_each(|job| self.tasks(job)))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.joined.fetch_sub(1, Ordering::Release);
        }
    }

    /// Returns when there is a job after number `seen`.
    fn watch(&self, number: usize, seen: usize) {
        let waiting = || self.jobs.load(Ordering::SeqCst) == seen;
        for _ in 0..WATCH {
            if !waiting() {
                return;
            }
            std::hint::spin_loop();
        }
        let asleep = &self.members[number].asleep;
        asleep.store(true, Ordering::SeqCst);
        // A job that begins after this check sees the flag.
        while waiting() {
            thread::park();
        }
        asleep.store(false, Ordering::SeqCst);
    }
}

/// Closes the job when dropped, and waits until every member has left it.
struct Close<'a>(&'a Team);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        let joined = &self.0.joined;
        joined.fetch_and(!OPEN, Ordering::Relaxed);
        let mut turns = 0;
        while joined.load(Ordering::Acquire) != 0 {
            turns += 1;
            if turns < WATCH { std::hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_done_once_whoever_calls() {
        let caller = || {
            for count in [0, 1, 2, 7, 1000] {
                let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                for round in 1..=20 {
                    for_each(true, count, &|task| {
                        done[task].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == round));
                }
            }
        };
        thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(caller))));
    }

    #[test]
    fn a_task_that_panics_is_heard_of_and_the_team_goes_on() {
        let run = || for_each(true, 100, &|task| assert!(task != 50, "this one"));
        assert!(catch_unwind(run).is_err());
        for_each(true, 100, &|_| {});
    }
}
