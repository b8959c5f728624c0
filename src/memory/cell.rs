//! Interior mutability for state that one thread owns and user callbacks may reach again.
//!
//! `with` lends the value for the length of a closure. The closure must not run user code, and must
//! not reach the same cell a second time: debug builds check that, release builds pay nothing.

#[cfg(debug_assertions)]
use core::cell::Cell;
use core::cell::UnsafeCell;

/// A value lent to one closure at a time. Not `Sync`: its owner is one thread. The value comes first, so
/// that its address and the cell's are the same.
#[repr(C)]
pub struct LoopCell<T> {
    value: UnsafeCell<T>,
    #[cfg(debug_assertions)]
    lent: Cell<bool>,
}

impl<T> LoopCell<T> {
    pub const fn new(value: T) -> Self {
        Self {
            value: UnsafeCell::new(value),
            #[cfg(debug_assertions)]
            lent: Cell::new(false),
        }
    }

    /// Lends the value to `f`, which must neither run user code nor reach this cell again.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(debug_assertions)]
        assert!(
            !self.lent.replace(true),
            "a loop cell was reached again while lent"
        );
        // SAFETY: the cell is not `Sync`, and by the contract of `with`, which debug builds assert
        // above, no other closure holds the value.
        let result = f(unsafe { &mut *self.value.get() });
        #[cfg(debug_assertions)]
        self.lent.set(false);
        result
    }

    /// Puts `value` in place and returns what was there.
    #[inline]
    pub fn replace(&self, value: T) -> T {
        self.with(|slot| core::mem::replace(slot, value))
    }

    /// Takes the value out and leaves the default.
    #[inline]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.with(core::mem::take)
    }
}

impl<T: Default> Default for LoopCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_replaces_and_takes() {
        let cell = LoopCell::new(vec![1]);
        assert_eq!(
            cell.with(|v| {
                v.push(2);
                v.len()
            }),
            2
        );
        assert_eq!(cell.replace(vec![7]), [1, 2]);
        assert_eq!(cell.take(), [7]);
        assert!(cell.take().is_empty());
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "reached again")]
    fn reaching_it_again_while_lent_is_caught() {
        let cell = LoopCell::new(0);
        cell.with(|_| cell.with(|_| ()));
    }
}
