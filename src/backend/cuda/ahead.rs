//! Which kernels may begin beside those before them in the stream.
//!
//! A kernel of programmatic dependent launch may begin when the blocks of the one before it have, and has to wait for that one's end by
//! itself (`cuda/include/tilework/dependent.h`). Usually it waits before it reads. But the host knows what each kernel of a product reads
//! and writes: where it reads nothing that a kernel still under way may write, it goes *ahead*, and waits only before it writes. Where one
//! factor may still be written and the other not, as in a chain of layers, it may read that other one, the weights, before it waits.
//!
//! What may be under way is little. A kernel that is not wholly ahead admits the next one after it has waited, so all before it have ended
//! then, and it alone may still be writing. A kernel that is ahead admits the next one at once, so what was under way before it still may be.
//! Of kernels that say nothing of themselves nothing is known, so the next one is not ahead; nor is one after a copy to the device.
//!
//! So what a kernel reads before it waits was written by grids that had ended before one admitted it; that such writes can be seen then is what
//! every kernel that fetches weights before it waits relies on. It reads by the tensor memory accelerator, by copies to shared memory or by
//! ordinary loads, never by loads that the compiler may move ahead of the wait (`__ldg`). Memory of an operation's own, for partial sums
//! and counters, need not be told: it is read and written after the wait alone.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use super::abi::{TW_AHEAD_A, TW_AHEAD_ALL, TW_AHEAD_B};

/// Kernels one after another that go ahead, before one waits so that there is an end to what has to be compared.
const MOST: usize = 32;

/// What a kernel of a product does to memory: ranges of addresses.
#[derive(Debug)]
pub(crate) struct Access {
    /// Of the kernel's a and b.
    pub factors: [Range<u64>; 2],
    /// What else it reads.
    pub others: SmallVec<[Range<u64>; 6]>,
    pub writes: Range<u64>,
}

/// What the kernels at the end of the stream may still be writing. Whoever launches holds it meanwhile, so that the order of what is
/// told here is that of the stream.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<Tail>);

/// The end of the stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Which capture of a graph it is the end of; 0 where kernels go to the stream itself.
    capture: u64,
    /// `None` if a kernel has said nothing.
    writes: Option<SmallVec<[Range<u64>; MOST]>>,
}

impl Ahead {
    /// The end of the stream, to be held until the launch has been enqueued.
    pub fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(|poisoned| {
            // Whoever panicked with it may have launched nothing.
            let mut tail = PoisonError::into_inner(poisoned);
            tail.forget();
            tail
        })
    }
}

impl Tail {
    /// A kernel of which nothing is known follows, or something else may have happened.
    pub fn forget(&mut self) {
        self.writes = None;
    }

    /// What a kernel that does `access` may read before it waits, as bits `TW_AHEAD_*`; it follows, unless the tail is forgotten. `capture`
    /// is 0 or the number of the capture that the stream is in: what was captured before or after is not the end of the same sequence.
    pub fn follow(&mut self, access: &Access, capture: u64) -> u32 {
        if self.capture != capture {
            self.forget();
        }
        self.capture = capture;
        let written = access.writes.clone();
        let mut ahead = 0;
        if let Some(writes) = &mut self.writes {
            let is_free = |read: &Range<u64>| writes.iter().all(|write| !overlap(read, write));
            let factors = access.factors.each_ref().map(is_free);
            if writes.len() < MOST && factors == [true; 2] && access.others.iter().all(is_free) {
                writes.push(written);
                return TW_AHEAD_ALL;
            }
            // The wait is before the other factor is read, and so before all else.
            ahead = match factors {
                [_, true] => TW_AHEAD_B,
                [true, false] => TW_AHEAD_A,
                [false, false] => 0,
            };
        }
        self.writes = Some(SmallVec::from_iter([written]));
        ahead
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Range<u64> = 500_000..500_001;

    fn access(a: Range<u64>, writes: Range<u64>) -> Access {
        Access { factors: [a, FAR], others: SmallVec::new(), writes }
    }

    /// Whether it is wholly ahead.
    fn goes_ahead(tail: &mut Tail, access: Access, capture: u64) -> bool {
        tail.follow(&access, capture) == TW_AHEAD_ALL
    }

    #[test]
    fn a_kernel_goes_ahead_of_what_it_does_not_read() {
        let mut tail = Tail::default();
        assert!(!goes_ahead(&mut tail, access(0..10, 100..110), 0), "nothing is known of what came before");
        assert!(goes_ahead(&mut tail, access(0..10, 200..210), 0));
        assert!(goes_ahead(&mut tail, access(90..100, 300..310), 0), "a neighbour");
        assert!(!goes_ahead(&mut tail, access(109..111, 400..410), 0), "the first one's output, three kernels later");
        assert!(
            goes_ahead(&mut tail, access(100..110, 500..510), 0),
            "that one has waited, so all before it have ended"
        );
        assert!(!goes_ahead(&mut tail, access(405..406, 600..610), 0), "but it may not have");
    }

    #[test]
    fn of_what_is_still_written_nothing_is_read() {
        let bits = |a, b, others: &[Range<u64>]| {
            let mut tail = Tail::default();
            assert_eq!(tail.follow(&access(FAR, 100..110), 0), 0);
            tail.follow(&Access { factors: [a, b], others: others.iter().cloned().collect(), writes: 200..210 }, 0)
        };
        let [free, taken] = [0..10, 105..106];
        assert_eq!(bits(free.clone(), free.clone(), &[]), TW_AHEAD_ALL);
        assert_eq!(bits(taken.clone(), free.clone(), &[]), TW_AHEAD_B);
        assert_eq!(bits(free.clone(), taken.clone(), &[]), TW_AHEAD_A);
        assert_eq!(bits(taken.clone(), taken.clone(), &[]), 0);
        assert_eq!(bits(free.clone(), free.clone(), &[free.clone(), taken.clone()]), TW_AHEAD_B, "it waits before a");
        assert_eq!(bits(taken.clone(), free, &[taken]), TW_AHEAD_B);
    }

    #[test]
    fn who_has_begun_waits_before_the_next_is_admitted() {
        let mut tail = Tail::default();
        tail.follow(&access(FAR, 100..110), 0);
        assert_eq!(tail.follow(&access(100..110, 200..210), 0), TW_AHEAD_B);
        assert!(goes_ahead(&mut tail, access(100..110, 300..310), 0), "the first has ended");
        assert_eq!(tail.follow(&access(200..210, 400..410), 0), TW_AHEAD_B, "the second may not have");
    }

    #[test]
    fn what_says_nothing_is_waited_for() {
        let mut tail = Tail::default();
        tail.follow(&access(0..0, 0..1), 0);
        assert!(goes_ahead(&mut tail, access(0..0, 0..1), 0), "writing waits in any case");
        tail.forget();
        assert_eq!(tail.follow(&access(5..6, 0..1), 0), 0);
        assert!(goes_ahead(&mut tail, access(5..6, 0..1), 0));
    }

    #[test]
    fn a_capture_is_a_sequence_of_its_own() {
        let mut tail = Tail::default();
        tail.follow(&access(0..0, 0..1), 0);
        assert_eq!(tail.follow(&access(5..6, 2..3), 7), 0, "captured");
        assert!(goes_ahead(&mut tail, access(5..6, 2..3), 7));
        assert_eq!(tail.follow(&access(5..6, 2..3), 0), 0, "the kernel before it in the stream is the first");
        assert_eq!(tail.follow(&access(5..6, 2..3), 8), 0, "another capture");
    }

    #[test]
    fn one_in_many_waits() {
        let mut tail = Tail::default();
        let waiting = (0..3 * MOST as u64).filter(|i| !goes_ahead(&mut tail, access(0..1, i + 1..i + 2), 0)).count();
        assert_eq!(waiting, 3);
    }
}
