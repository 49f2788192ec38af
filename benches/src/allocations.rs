//! What this program asks the allocator for, thread by thread.

#![expect(unsafe_code, reason = "an allocator is unsafe by its interface")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, which counts.
pub(crate) struct Counting;

/// What a thread has asked for since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Allocations {
    /// How often it asked for memory, more of it for what it had included.
    pub(crate) count: u64,
    /// What it was given, less what it gave back, in bytes. Negative where it frees what others were given.
    pub(crate) live_bytes: i64,
}

thread_local! {
    static ALLOCATIONS: Cell<Allocations> = const { Cell::new(Allocations { count: 0, live_bytes: 0 }) };
}

/// What this thread has asked for.
pub(crate) fn of_this_thread() -> Allocations {
    ALLOCATIONS.get()
}

fn note(count: u64, bytes: i64) {
    // A thread that is ending has no counter any more.
    let _ending = ALLOCATIONS.try_with(|allocations| {
        let before = allocations.get();
        allocations.set(Allocations {
            count: before.count.wrapping_add(count),
            live_bytes: before.live_bytes.wrapping_add(bytes),
        });
    });
}

fn bytes(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

// SAFETY: every call is the system allocator's own, with the caller's arguments; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, bytes(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -bytes(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, bytes(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, bytes(size) - bytes(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_and_given_back_is_counted() {
        let before = of_this_thread();
        let kept = std::hint::black_box(vec![7_u8; 1000]);
        let between = of_this_thread();
        assert_eq!((between.count - before.count, between.live_bytes - before.live_bytes), (1, 1000));
        drop(kept);
        assert_eq!(of_this_thread().live_bytes, before.live_bytes);
    }
}
