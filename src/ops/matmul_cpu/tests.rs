//! The product against its definition in f64, on every kernel of this processor and around every boundary of a block.

use super::tile::{Kernel, Onto};
use super::{Block, DEPTH, Matrix, SHALLOW, multiply, multiply_on, portable};
use crate::ops::matmul::{Matmul, Params, reference};
use crate::random::{Purpose, Stream, stream_key};

/// Random numbers in [−1, 1).
fn numbers(count: usize, id: u32) -> Vec<f32> {
    let mut stream = Stream::new(stream_key(1, Purpose::Synthetic, id));
    (0..count).map(|_| stream.next_unit() * 2.0 - 1.0).collect()
}

/// Every way this processor can compute a product; the last is for those without a kernel.
fn ways() -> impl Iterator<Item = Option<Kernel>> {
    Kernel::available().map(Some).chain([None])
}

fn product(kernel: Option<Kernel>, threads: usize, form: Matmul, params: &Params, a: &[f32], b: &[f32]) -> Vec<f32> {
    let (n, len) = (params.n as usize, params.m as usize * params.n as usize);
    let finished = Counts::new(len);
    // What C held before must not count; what lies behind it must not change.
    let mut c = vec![f32::NAN; len + 3];
    let finish = |block: &mut Block<'_, f32>| {
        block.for_each_row(|row, column, part| (0..part.len()).for_each(|i| finished.count(row * n + column + i)));
    };
    match kernel {
        Some(kernel) => {
            multiply_on((kernel, threads), form, params, (a.into(), b.into()), &mut c, Onto::NOTHING, finish)
        }
        None => portable::multiply(form, params, (a.into(), b.into()), &mut c, Onto::NOTHING, finish),
    }
    assert!(finished.all_once(), "{form:?} {params:?}: every element is finished once");
    assert!(c[len..].iter().all(|c| c.is_nan()), "{form:?} {params:?}: wrote beyond C");
    c.truncate(len);
    c
}

/// Counts calls for each element.
struct Counts(Vec<std::sync::atomic::AtomicU32>);

impl Counts {
    fn new(len: usize) -> Self {
        Self((0..len).map(|_| 0.into()).collect())
    }
    fn count(&self, i: usize) {
        self.0[i].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn all_once(&self) -> bool {
        self.0.iter().all(|n| n.load(std::sync::atomic::Ordering::Relaxed) == 1)
    }
}

fn check(kernel: Option<Kernel>, form: Matmul, m: usize, n: usize, k: usize) {
    let params = Params { m: m as u32, n: n as u32, k: k as u32 };
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (mut exact, mut sizes) = (vec![0.0; m * n], vec![0.0; m * n]);
    reference(form, &params, &wide(&a), &wide(&b), &mut exact);
    let magnitudes = |x: &[f32]| x.iter().map(|&x| f64::from(x.abs())).collect::<Vec<_>>();
    reference(form, &params, &magnitudes(&a), &magnitudes(&b), &mut sizes);

    let one = product(kernel, 1, form, &params, &a, &b);
    let ku = k as f64 * 2f64.powi(-24);
    for i in 0..m * n {
        let error = (f64::from(one[i]) - exact[i]).abs();
        assert!(error <= ku / (1.0 - ku) * sizes[i], "{kernel:?} {form:?} {m}×{n}×{k} at {i}: {} {}", one[i], exact[i]);
    }
    for threads in [1, 2, 5] {
        let again = product(kernel, threads, form, &params, &a, &b);
        assert!(bits(&one) == bits(&again), "{kernel:?} {form:?} {m}×{n}×{k}: other bits on {threads} threads");
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn products_are_within_bounds_around_every_boundary_and_the_same_on_any_number_of_threads() {
    for kernel in ways() {
        let (mr, nr) = kernel.map_or((4, 8), |kernel| (kernel.mr, kernel.nr));
        for form in Matmul::ALL {
            for m in [1, mr - 1, mr, mr + 1, 2 * mr, 2 * mr + 1] {
                for n in [1, nr / 2 - 1, nr / 2, nr / 2 + 1, nr - 1, nr, nr + 1, 2 * nr + 3] {
                    for k in [1, 2, 7, 8, 9, 33] {
                        check(kernel, form, m, n, k);
                    }
                }
            }
            // Several blocks of rows, several blocks of k; high blocks, with and without a B that stands ready.
            for (m, n, k) in [
                (80 * mr + 1, 3 * nr + nr / 2 + 1, SHALLOW),
                (80 * mr + 1, 3 * nr + nr / 2, SHALLOW),
                (80 * mr + 1, nr + 1, SHALLOW + 1),
                // A that is packed, also where it is transposed: several panels together, and what is left of them.
                (12 * mr + 1, 5 * nr + 1, 9),
                (16 * mr, 3, 5),
                (16 * mr + 1, nr + 5, 3),
                (40 * mr - 1, 7, 2),
                (mr + 3, nr + 1, DEPTH - 1),
                (mr + 3, nr + 1, DEPTH),
                (mr + 3, nr + 1, DEPTH + 1),
                (mr + 3, nr + 1, 3 * DEPTH + 5),
                (4 * nr, 2 * mr + 1, 7),
                (4 * nr + 1, 2 * mr + 1, 7),
                (nr + 1, nr, 4 * DEPTH + 3),
            ] {
                check(kernel, form, m, n, k);
            }
        }
    }
}

#[test]
fn operands_larger_than_the_packed_part_are_taken_in_parts() {
    let Some(kernel) = Kernel::best() else { return };
    for form in Matmul::ALL {
        // Parts of the columns; parts of k, several of them for one panel of columns.
        check(Some(kernel), form, 2, 3 * super::PACKED / 4096 + 5, 4096);
        check(Some(kernel), form, 2, 3, super::PACKED / kernel.nr + 9);
    }
}

#[test]
fn a_product_goes_onto_what_is_there_by_the_factors_asked_for() {
    let (m, n, k) = (45, 70, 2500);
    let params = Params { m, n, k };
    let (a, b) = (numbers((m * k) as usize, 1), numbers((k * n) as usize, 2));
    let before = numbers((m * n) as usize, 3);
    for kernel in ways() {
        for form in Matmul::ALL {
            let sums = product(kernel, 1, form, &params, &a, &b);
            for onto in [Onto { old: 1.0, new: -0.5 }, Onto { old: -0.75, new: 1.0 }, Onto { old: 0.0, new: 2.0 }] {
                let mut c = before.clone();
                match kernel {
                    Some(kernel) => {
                        multiply_on((kernel, 2), form, &params, (a[..].into(), b[..].into()), &mut c, onto, |_| ())
                    }
                    None => portable::multiply(form, &params, (a[..].into(), b[..].into()), &mut c, onto, |_| ()),
                }
                for i in 0..c.len() {
                    let expected = onto.old * before[i] + onto.new * sums[i];
                    // The terms are below 1: their sums may round otherwise where they begin from something else.
                    assert!((c[i] - expected).abs() < 1e-3, "{kernel:?} {form:?} {onto:?} at {i}: {} {expected}", c[i]);
                }
            }
        }
    }
}

#[test]
fn rows_that_are_picked_give_the_bits_of_their_copy() {
    for kernel in ways() {
        for (form, batch, width, outputs) in
            [(Matmul::NT, 33, 50, 20), (Matmul::NT, 300, 9, 40), (Matmul::TN, 33, 70, 200), (Matmul::TN, 300, 70, 40)]
        {
            let (all, other) = (numbers(500 * width, 1), numbers(batch.max(width) * outputs, 2));
            let picked: Vec<u32> = (0..batch as u32).map(|i| i * 331 % 500).collect();
            let copy: Vec<f32> = picked.iter().flat_map(|&i| all[i as usize * width..][..width].to_vec()).collect();
            let picked = Matrix { data: &all, picked: Some(&picked) };
            let run = |x: Matrix<'_>| {
                let other = Matrix::from(&other[..]);
                let (m, n, k, operands) = match form {
                    Matmul::NT => (batch, outputs, width, (x, other)),
                    _ => (outputs, width, batch, (other, x)),
                };
                let params = Params { m: m as u32, n: n as u32, k: k as u32 };
                let mut c = vec![f32::NAN; m * n];
                match kernel {
                    Some(kernel) => multiply_on((kernel, 2), form, &params, operands, &mut c, Onto::NOTHING, |_| ()),
                    None => portable::multiply(form, &params, operands, &mut c, Onto::NOTHING, |_| ()),
                }
                bits(&c)
            };
            assert!(run(picked) == run(copy[..].into()), "{kernel:?} {form:?} {batch}×{width}×{outputs}");
        }
    }
}

#[test]
fn sums_of_nothing_are_zero_and_empty_products_are_left_alone() {
    let mut c = [f32::NAN; 6];
    let params = Params { m: 2, n: 3, k: 0 };
    multiply(Matmul::NN, &params, (Matrix::from(&[][..]), Matrix::from(&[][..])), &mut c, Onto::NOTHING, |block| {
        block.for_each_row(|row, column, part| {
            part.iter_mut().enumerate().for_each(|(i, c)| *c += (10 * row + column + i) as f32);
        });
    });
    assert_eq!(c, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    for (m, n) in [(0, 3), (3, 0)] {
        let params = Params { m, n, k: 2 };
        let finish = |_: &mut Block<'_, f32>| panic!("there is nothing to finish");
        multiply(Matmul::NT, &params, ([1.0; 6][..].into(), [1.0; 6][..].into()), &mut [], Onto::NOTHING, finish);
    }
}

#[test]
fn nan_and_infinity_reach_their_row_or_column_and_no_other() {
    for kernel in ways() {
        for bad in [f32::NAN, f32::INFINITY] {
            for form in Matmul::ALL {
                let params = Params { m: 19, n: 37, k: 21 };
                let (mut a, b) = (vec![1.0; 19 * 21], vec![1.0; 37 * 21]);
                a[if form == Matmul::TN { 20 * 19 + 5 } else { 5 * 21 + 20 }] = bad;
                let c = product(kernel, 1, form, &params, &a, &b);
                for (i, c) in c.iter().enumerate() {
                    assert_eq!(c.is_finite(), i / 37 != 5, "{kernel:?} {form:?} {bad} at {i}: {c}");
                }
            }
        }
    }
}
