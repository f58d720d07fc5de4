//! The everyday combines by name: sums, counts, means, extremes and tops, per key and globally.
//!
//! Each is `combine_per_key` or `combine_globally` with a combiner of `combine`, under its own
//! step name.

use crate::combine::{Averaged, Count, Max, Mean, Min, Sum, Top};
use crate::element::{Element, Key};
use crate::pcollection::PCollection;
use std::ops::AddAssign;
use std::panic::Location;

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The sum of the values of each key and window. Sums of floats depend on the order of the
    /// values; integers that overflow do what `+=` does, see [`Sum`].
    ///
    /// ```
    /// use whitebeam_sdk::Pipeline;
    ///
    /// let p = Pipeline::new();
    /// let sales = p.create([("tea".to_string(), 250), ("tea".to_string(), 300)]);
    /// let _revenue = sales.sum_per_key();
    /// ```
    #[track_caller]
    pub fn sum_per_key(self) -> PCollection<(K, V)>
    where
        K: Key,
        V: Default + AddAssign,
    {
        self.combined("SumPerKey", Location::caller(), Sum)
    }

    /// The number of values of each key and window.
    #[track_caller]
    pub fn count_per_key(self) -> PCollection<(K, u64)>
    where
        K: Key,
    {
        self.combined("CountPerKey", Location::caller(), Count)
    }

    /// The average of the values of each key and window; `None` only in a pane that is empty.
    #[track_caller]
    pub fn mean_per_key(self) -> PCollection<(K, Option<f64>)>
    where
        K: Key,
        V: Averaged,
    {
        self.combined("MeanPerKey", Location::caller(), Mean)
    }

    /// The least value of each key and window; `None` only in a pane that is empty.
    #[track_caller]
    pub fn min_per_key(self) -> PCollection<(K, Option<V>)>
    where
        K: Key,
        V: Ord,
    {
        self.combined("MinPerKey", Location::caller(), Min)
    }

    /// The greatest value of each key and window; `None` only in a pane that is empty.
    #[track_caller]
    pub fn max_per_key(self) -> PCollection<(K, Option<V>)>
    where
        K: Key,
        V: Ord,
    {
        self.combined("MaxPerKey", Location::caller(), Max)
    }

    /// The `n` greatest values of each key and window, the greatest first. For the least ones,
    /// `combine_per_key(Top::smallest(n))`.
    #[track_caller]
    pub fn top_per_key(self, n: usize) -> PCollection<(K, Vec<V>)>
    where
        K: Key,
        V: Ord,
    {
        self.combined("TopPerKey", Location::caller(), Top::largest(n))
    }
}

impl<T: Element> PCollection<T> {
    /// The sum of all elements of each window; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn sum_globally(self) -> PCollection<T>
    where
        T: Default + AddAssign,
    {
        self.combined_globally("SumGlobally", Location::caller(), Sum)
    }

    /// The number of elements of each window; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn count_globally(self) -> PCollection<u64> {
        self.combined_globally("CountGlobally", Location::caller(), Count)
    }

    /// The average of all elements of each window; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn mean_globally(self) -> PCollection<Option<f64>>
    where
        T: Averaged,
    {
        self.combined_globally("MeanGlobally", Location::caller(), Mean)
    }

    /// The least element of each window; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn min_globally(self) -> PCollection<Option<T>>
    where
        T: Ord,
    {
        self.combined_globally("MinGlobally", Location::caller(), Min)
    }

    /// The greatest element of each window; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn max_globally(self) -> PCollection<Option<T>>
    where
        T: Ord,
    {
        self.combined_globally("MaxGlobally", Location::caller(), Max)
    }

    /// The `n` greatest elements of each window, the greatest first; on defaults see
    /// [`combine_globally`](PCollection::combine_globally).
    #[track_caller]
    pub fn top_globally(self, n: usize) -> PCollection<Vec<T>>
    where
        T: Ord,
    {
        self.combined_globally("TopGlobally", Location::caller(), Top::largest(n))
    }
}

#[cfg(test)]
mod tests {
    use crate::Pipeline;
    use crate::batch::Batch;
    use crate::erase::drive;

    #[test]
    fn each_name_is_its_combiner() {
        let p = Pipeline::new();
        let c = p.create([(1, 2_i64)]);
        let input = || vec![Box::new(Batch::of(vec![(1, 4_i64), (1, 9), (1, 2)])) as _];
        assert_eq!(drive::group(&c.clone().sum_per_key(), input()), [(1, 15)]);
        assert_eq!(drive::group(&c.clone().count_per_key(), input()), [(1, 3)]);
        let mean = drive::group(&c.clone().mean_per_key(), input());
        assert_eq!(mean, [(1, Some(5.0))]);
        let min = drive::group(&c.clone().min_per_key(), input());
        assert_eq!(min, [(1, Some(2))]);
        let max = drive::group(&c.clone().max_per_key(), input());
        assert_eq!(max, [(1, Some(9))]);
        let top = drive::group(&c.top_per_key(2), input());
        assert_eq!(top, [(1, vec![9, 4])]);

        let c = p.create([2_i64]);
        let values = vec![4_i64, 9, 2];
        let input = || {
            let touch = Batch::of(vec![()]);
            vec![
                Box::new(Batch::of(values.clone())) as _,
                Box::new(touch) as _,
            ]
        };
        assert_eq!(drive::group(&c.clone().sum_globally(), input()), [15]);
        assert_eq!(drive::group(&c.clone().count_globally(), input()), [3]);
        let mean = drive::group(&c.clone().mean_globally(), input());
        assert_eq!(mean, [Some(5.0)]);
        assert_eq!(drive::group(&c.clone().min_globally(), input()), [Some(2)]);
        assert_eq!(drive::group(&c.clone().max_globally(), input()), [Some(9)]);
        let top = drive::group(&c.top_globally(2), input());
        assert_eq!(top, [vec![9, 4]]);
    }
}
