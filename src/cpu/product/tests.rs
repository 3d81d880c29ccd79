//! The product against its definition in f64, on every kernel of this processor and around every boundary of a block.

use super::tile::{Kernel, Scaling};
use super::{Block, DEPTH, Form, Matrix, SHALLOW, Size, gemm, multiply, multiply_on};
use crate::random::{Purpose, Stream, stream_key};

const FORMS: [Form; 3] = [Form::NN, Form::NT, Form::TN];

/// The definition.
fn reference(form: Form, Size { m, n, k }: Size, a: &[f64], b: &[f64], c: &mut [f64]) {
    for i in 0..m {
        for j in 0..n {
            let term = |l: usize| match form {
                Form::NN => a[i * k + l] * b[l * n + j],
                Form::NT => a[i * k + l] * b[j * k + l],
                Form::TN => a[l * m + i] * b[l * n + j],
            };
            c[i * n + j] = (0..k).map(term).sum();
        }
    }
}

/// Random numbers in [−1, 1).
fn numbers(count: usize, id: u32) -> Vec<f32> {
    let mut stream = Stream::new(stream_key(1, Purpose::Synthetic, id));
    (0..count).map(|_| stream.next_unit() * 2.0 - 1.0).collect()
}

/// Every way this processor can compute a product; the last is for those without fast kernels.
fn ways() -> impl Iterator<Item = Option<Kernel>> {
    Kernel::available().map(Some).chain([None])
}

fn product(kernel: Option<Kernel>, threads: usize, form: Form, size: Size, a: &[f32], b: &[f32]) -> Vec<f32> {
    let (n, len) = (size.n, size.m * size.n);
    let finished = Counts::new(len);
    // What C held before must not count; what lies behind it must not change.
    let mut c = vec![f32::NAN; len + 3];
    let finish = |block: &mut Block<'_, f32>| {
        block.for_each_row(|row, column, part| (0..part.len()).for_each(|i| finished.count(row * n + column + i)));
    };
    match kernel {
        Some(kernel) => {
            multiply_on((kernel, threads), form, size, (a.into(), b.into()), &mut c, Scaling::PRODUCT, finish)
        }
        None => gemm::multiply(form, size, (a.into(), b.into()), &mut c, Scaling::PRODUCT, finish),
    }
    assert!(finished.all_once(), "{form:?} {size:?}: every element is finished once");
    assert!(c[len..].iter().all(|c| c.is_nan()), "{form:?} {size:?}: wrote beyond C");
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

fn check(kernel: Option<Kernel>, form: Form, m: usize, n: usize, k: usize) {
    let size = Size { m, n, k };
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (mut exact, mut sizes) = (vec![0.0; m * n], vec![0.0; m * n]);
    reference(form, size, &wide(&a), &wide(&b), &mut exact);
    let magnitudes = |x: &[f32]| x.iter().map(|&x| f64::from(x.abs())).collect::<Vec<_>>();
    reference(form, size, &magnitudes(&a), &magnitudes(&b), &mut sizes);

    let one = product(kernel, 1, form, size, &a, &b);
    let ku = k as f64 * 2f64.powi(-24);
    for i in 0..m * n {
        let error = (f64::from(one[i]) - exact[i]).abs();
        assert!(error <= ku / (1.0 - ku) * sizes[i], "{kernel:?} {form:?} {m}×{n}×{k} at {i}: {} {}", one[i], exact[i]);
    }
    for threads in [1, 2, 5] {
        let again = product(kernel, threads, form, size, &a, &b);
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
        for form in FORMS {
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
    let kernel = Kernel::best();
    for form in FORMS {
        // Parts of the columns; parts of k, several of them for one panel of columns.
        check(Some(kernel), form, 2, 3 * super::PACKED / 4096 + 5, 4096);
        check(Some(kernel), form, 2, 3, super::PACKED_DEPTH + 9);
    }
}

/// The chain of operations that decides the bits of an element, as the module states it.
fn chain(form: Form, Size { m, n, k }: Size, a: &[f32], b: &[f32], c: &mut [f32], Scaling { alpha, beta }: Scaling) {
    for i in 0..m {
        for j in 0..n {
            for first in (0..k).step_by(DEPTH) {
                let sum = (first..k.min(first + DEPTH)).fold(0.0f32, |sum, l| {
                    let (x, y) = match form {
                        Form::NN => (a[i * k + l], b[l * n + j]),
                        Form::NT => (a[i * k + l], b[j * k + l]),
                        Form::TN => (a[l * m + i], b[l * n + j]),
                    };
                    x.mul_add(y, sum)
                });
                let c = &mut c[i * n + j];
                *c = match if first == 0 { beta } else { 1.0 } {
                    0.0 => alpha * sum,
                    beta => alpha.mul_add(sum, beta * *c),
                };
            }
        }
    }
}

#[test]
fn every_kernel_computes_the_one_chain_to_the_bit() {
    // Few rows and many, ragged on every side, with widths that one kernel's tiles cover and another's do not; K around its
    // cuts and beyond what is packed at a time.
    for (m, n, k) in [
        (1, 1, 1),
        (3, 5, 0),
        (5, 100, 33),
        (65, 104, 1500),
        (128, 24, 1025),
        (100, 8, 2048),
        (129, 40, 2049),
        (37, 88, 3000),
        (300, 72, 10),
        (3, 9, super::PACKED_DEPTH + 1500),
    ] {
        let size = Size { m, n, k };
        let (a, b, before) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        for form in FORMS {
            for (alpha, beta) in [(1.0, 0.0), (-0.003, 0.999)] {
                let scaling = Scaling { alpha, beta };
                let mut expected = before.clone();
                match k {
                    0 => expected.iter_mut().for_each(|c| *c *= beta),
                    _ => chain(form, size, &a, &b, &mut expected, scaling),
                }
                for kernel in Kernel::available() {
                    for threads in [1, 7] {
                        let mut c = before.clone();
                        multiply_on(
                            (kernel, threads),
                            form,
                            size,
                            (a[..].into(), b[..].into()),
                            &mut c,
                            scaling,
                            |_| (),
                        );
                        let at = (0..m * n).find(|&i| c[i] != expected[i]);
                        assert_eq!(at, None, "{kernel:?} {threads} threads {form:?} {size:?} {scaling:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_product_goes_onto_what_is_there_by_the_factors_asked_for() {
    let (m, n, k) = (45, 70, 2500);
    let size = Size { m, n, k };
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let before = numbers(m * n, 3);
    for kernel in ways() {
        for form in FORMS {
            let sums = product(kernel, 1, form, size, &a, &b);
            for scaling in [
                Scaling { beta: 1.0, alpha: -0.5 },
                Scaling { beta: -0.75, alpha: 1.0 },
                Scaling { beta: 0.0, alpha: 2.0 },
            ] {
                let mut c = before.clone();
                match kernel {
                    Some(kernel) => {
                        multiply_on((kernel, 2), form, size, (a[..].into(), b[..].into()), &mut c, scaling, |_| ())
                    }
                    None => gemm::multiply(form, size, (a[..].into(), b[..].into()), &mut c, scaling, |_| ()),
                }
                for i in 0..c.len() {
                    let expected = scaling.beta * before[i] + scaling.alpha * sums[i];
                    // The terms are below 1: their sums may round otherwise where they begin from something else.
                    assert!(
                        (c[i] - expected).abs() < 1e-3,
                        "{kernel:?} {form:?} {scaling:?} at {i}: {} {expected}",
                        c[i]
                    );
                }
            }
        }
    }
}

#[test]
fn rows_that_are_picked_give_the_bits_of_their_copy() {
    for kernel in ways() {
        for (form, batch, width, outputs) in
            [(Form::NT, 33, 50, 20), (Form::NT, 300, 9, 40), (Form::TN, 33, 70, 200), (Form::TN, 300, 70, 40)]
        {
            let (all, other) = (numbers(500 * width, 1), numbers(batch.max(width) * outputs, 2));
            let row_indices: Vec<u32> = (0..batch as u32).map(|i| i * 331 % 500).collect();
            let copy: Vec<f32> =
                row_indices.iter().flat_map(|&i| all[i as usize * width..][..width].to_vec()).collect();
            let row_indices = Matrix { data: &all, row_indices: Some(&row_indices) };
            let run = |x: Matrix<'_>| {
                let other = Matrix::from(&other[..]);
                let (m, n, k, operands) = match form {
                    Form::NT => (batch, outputs, width, (x, other)),
                    _ => (outputs, width, batch, (other, x)),
                };
                let size = Size { m, n, k };
                let mut c = vec![f32::NAN; m * n];
                match kernel {
                    Some(kernel) => multiply_on((kernel, 2), form, size, operands, &mut c, Scaling::PRODUCT, |_| ()),
                    None => gemm::multiply(form, size, operands, &mut c, Scaling::PRODUCT, |_| ()),
                }
                bits(&c)
            };
            assert!(run(row_indices) == run(copy[..].into()), "{kernel:?} {form:?} {batch}×{width}×{outputs}");
        }
    }
}

#[test]
fn sums_of_nothing_are_zero_and_empty_products_are_left_alone() {
    let mut c = [f32::NAN; 6];
    let size = Size { m: 2, n: 3, k: 0 };
    multiply(
        Form::NN,
        size,
        (Matrix::from(&[][..]), Matrix::from(&[][..])),
        &mut c,
        Scaling::PRODUCT,
        false,
        |block| {
            block.for_each_row(|row, column, part| {
                part.iter_mut().enumerate().for_each(|(i, c)| *c += (10 * row + column + i) as f32);
            });
        },
    );
    assert_eq!(c, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    for (m, n) in [(0, 3), (3, 0)] {
        let size = Size { m, n, k: 2 };
        let finish = |_: &mut Block<'_, f32>| panic!("there is nothing to finish");
        multiply(Form::NT, size, ([1.0; 6][..].into(), [1.0; 6][..].into()), &mut [], Scaling::PRODUCT, false, finish);
    }
}

#[test]
fn nan_and_infinity_reach_their_row_or_column_and_no_other() {
    for kernel in ways() {
        for bad in [f32::NAN, f32::INFINITY] {
            for form in FORMS {
                let size = Size { m: 19, n: 37, k: 21 };
                let (mut a, b) = (vec![1.0; 19 * 21], vec![1.0; 37 * 21]);
                a[if form == Form::TN { 20 * 19 + 5 } else { 5 * 21 + 20 }] = bad;
                let c = product(kernel, 1, form, size, &a, &b);
                for (i, c) in c.iter().enumerate() {
                    assert_eq!(c.is_finite(), i / 37 != 5, "{kernel:?} {form:?} {bad} at {i}: {c}");
                }
            }
        }
    }
}
