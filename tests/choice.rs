//! Which variant of a matrix product plans take without tuning, by adapter and shape.

use anygrad::graph::Shape;
use anygrad::kernel::{Grid, Profile, Target};
use anygrad::ops::activation::Activation;
use anygrad::ops::dropout::Dropout;
use anygrad::ops::fused::Fused;
use anygrad::ops::matmul::{Matmul, SPEC};
use anygrad::ops::{Op, Operation};
use anygrad::plan::{choose, storage_buffers};

const HARDWARE: Target = Target { workgroup_bytes: 16_384, subgroup_size: 32, storage_buffers: 8, ..Target::DOWNLEVEL };

/// Which variant of the product a plan takes on `target`.
fn chosen(target: &Target, form: Matmul, m: u32, n: u32, k: u32) -> &'static str {
    let [m, n, k] = [m, n, k].map(|extent| extent as usize);
    choose(target, &SPEC, &Grid::Product { m, n, k }, &form.constants()).name
}

#[test]
fn the_chosen_variants_suit_the_adapter_and_the_shape() {
    // SwiftShader: subgroups of four.
    let swiftshader = Target { profile: &Profile::SOFTWARE, subgroup_size: 4, ..HARDWARE };
    assert_eq!(chosen(&swiftshader, Matmul::NT, 128, 512, 784), "registers_16");
    assert_eq!(chosen(&swiftshader, Matmul::TN, 510, 784, 128), "registers_16_ragged");
    // What is quicker to compile, if the product is smaller.
    assert_eq!(chosen(&swiftshader, Matmul::NT, 128, 128, 784), "registers_8");
    assert_eq!(chosen(&swiftshader, Matmul::NT, 64, 128, 784), "registers_4");
    assert_eq!(chosen(&swiftshader, Matmul::TN, 128, 784, 64), "registers_8");
    assert_eq!(chosen(&swiftshader, Matmul::TN, 126, 784, 64), "registers_8_ragged");
    assert_eq!(chosen(&swiftshader, Matmul::NN, 64, 128, 10), "registers_4_ragged");
    assert_eq!(chosen(&swiftshader, Matmul::NT, 16, 64, 128), "registers_4_ragged");
    let lavapipe = Target { subgroup_size: 8, words: true, ..swiftshader };
    // What is quick to compile, unless the product is large.
    assert_eq!(chosen(&lavapipe, Matmul::NT, 64, 128, 784), "subgroup_16");
    assert_eq!(chosen(&lavapipe, Matmul::NT, 512, 512, 512), "subgroup_32");
    assert_eq!(chosen(&lavapipe, Matmul::NT, 16, 4096, 4096), "subgroup_16");
    // Small, or even numbers that are not whole fours, or K counts the rows of B.
    assert_eq!(chosen(&lavapipe, Matmul::NT, 16, 64, 128), "subgroup_16_pairs");
    assert_eq!(chosen(&lavapipe, Matmul::NN, 128, 256, 10), "subgroup_16_pairs");
    assert_eq!(chosen(&lavapipe, Matmul::NN, 128, 512, 256), "subgroup_16_pairs");
    assert_eq!(chosen(&lavapipe, Matmul::NN, 512, 512, 512), "subgroup_32");
    // K along no row: one step of it at a time.
    assert_eq!(chosen(&lavapipe, Matmul::TN, 64, 128, 16), "outer_16");
    assert_eq!(chosen(&lavapipe, Matmul::TN, 10, 256, 128), "outer_16");
    assert_eq!(chosen(&lavapipe, Matmul::TN, 512, 784, 128), "outer_16");
    assert_eq!(chosen(&lavapipe, Matmul::TN, 10, 30, 64), "subgroup_16_pairs");
    assert_eq!(chosen(&lavapipe, Matmul::TN, 512, 512, 512), "subgroup_32");
    assert_eq!(chosen(&lavapipe, Matmul::TN, 5, 30, 64), "subgroup_16_unaligned");
    assert_eq!(chosen(&lavapipe, Matmul::NN, 510, 510, 510), "subgroup_32_unaligned");
    assert_eq!(chosen(&lavapipe, Matmul::NN, 509, 509, 509), "subgroup_32_unaligned");
    // Without words of 64 bits.
    assert_eq!(chosen(&Target { words: false, ..lavapipe }, Matmul::NT, 64, 128, 784), "registers_4");
}

/// Forward pass, input gradient and weight gradient of each layer of some nets, and large squares.
#[test]
fn real_gpus_get_tiles_where_these_occupy_them_and_split_sums_where_they_do_not() {
    use Matmul::{NN, NT, TN};
    let table = [
        // 128-64-64-10 at batch 16
        (NT, 16, 64, 128, "split_k_16"),
        (TN, 64, 128, 16, "split_k_16"),
        (NT, 16, 64, 64, "split_k_16"),
        (NN, 16, 64, 64, "split_k_16"),
        (TN, 64, 64, 16, "split_k_16"),
        (NT, 16, 10, 64, "split_k_16"),
        (NN, 16, 64, 10, "plain"),
        (TN, 10, 64, 16, "split_k_16_ragged"),
        // 784-128-10 at batch 64
        (NT, 64, 128, 784, "split_k_64"),
        (TN, 128, 784, 64, "split_k_16"),
        (NT, 64, 10, 128, "split_k_16"),
        (NN, 64, 128, 10, "plain"),
        (TN, 10, 128, 64, "split_k_16_ragged"),
        // 784-512-256-10 at batch 128
        (NT, 128, 512, 784, "split_k_16"),
        (TN, 512, 784, 128, "tiled_32"),
        (NT, 128, 256, 512, "split_k_16"),
        (NN, 128, 512, 256, "split_k_16"),
        (TN, 256, 512, 128, "tiled_32"),
        (NT, 128, 10, 256, "split_k_64"),
        (NN, 128, 256, 10, "plain"),
        (TN, 10, 256, 128, "split_k_16_ragged"),
        // 784-1024-1024-10 at batch 1024
        (NT, 1024, 1024, 784, "tiled_64"),
        (TN, 1024, 784, 1024, "tiled_64"),
        (NT, 1024, 1024, 1024, "tiled_64"),
        (NN, 1024, 1024, 1024, "tiled_64"),
        (TN, 1024, 1024, 1024, "tiled_64"),
        (NT, 1024, 10, 1024, "split_k_64"),
        (NN, 1024, 1024, 10, "tiled_64_ragged"),
        (TN, 10, 1024, 1024, "split_k_64_ragged"),
        // Squares, whole vec4 and not
        (NN, 4096, 4096, 4096, "tiled_128"),
        (NT, 4096, 4096, 4096, "tiled_128"),
        (TN, 4096, 4096, 4096, "tiled_128"),
        (NN, 4095, 4095, 4095, "tiled_128_ragged"),
        (NT, 4095, 4095, 4095, "tiled_128_ragged"),
        (TN, 4095, 4095, 4095, "tiled_128_ragged"),
    ];
    for (form, m, n, k, variant) in table {
        assert_eq!(chosen(&HARDWARE, form, m, n, k), variant, "{form:?} {m} × {n} × {k}");
    }
}

#[test]
fn downlevel_devices_get_what_fits_them() {
    // 16,352 bytes of workgroup memory are 32 too few for the large tiles.
    for (side, variant) in [(4096, "tiled_32"), (509, "tiled_32_ragged"), (8, "plain")] {
        for form in Matmul::ALL {
            assert_eq!(chosen(&Target::DOWNLEVEL, form, side, side, side), variant);
        }
    }
    assert!(storage_buffers(&SPEC) <= Target::DOWNLEVEL.storage_buffers);
}

#[test]
fn what_is_chosen_needs_nothing_that_a_device_lacks() {
    for subgroup_size in [0, 4, 8, 32] {
        for (words, workgroup_bytes) in [(false, 16_352), (true, 16_352), (true, 32_768)] {
            for profile in [&Profile::SOFTWARE, &Profile::INTEGRATED, &Profile::DISCRETE] {
                let target = Target { profile, subgroup_size, words, workgroup_bytes, ..HARDWARE };
                for (rows, columns, inner) in [(5, 7, 3), (64, 128, 784), (1024, 1024, 1024)] {
                    for form in Matmul::ALL {
                        let grid = Grid::Product { m: rows, n: columns, k: inner };
                        let needs = choose(&target, &SPEC, &grid, &Matmul::constants(&form)).requirements;
                        let fits = [0, subgroup_size].contains(&needs.subgroup_size)
                            && (words || !needs.words)
                            && needs.workgroup_bytes <= workgroup_bytes;
                        assert!(fits, "{needs:?} on {target:?}");
                    }
                }
            }
        }
    }
}

/// A layer, the gradient of its input and its update take what a product of the same form and extents takes, with or
/// without dropout.
#[test]
fn fused_kernels_get_the_variants_of_their_products() {
    let dropout = Some(Dropout::inverted(0.2, [1, 2]).expect("a valid rate"));
    let (activation, lavapipe) =
        (Activation::Relu, Target { profile: &Profile::SOFTWARE, subgroup_size: 8, words: true, ..HARDWARE });
    for (m, n, k) in [(64, 128, 784), (64, 10, 128), (128, 512, 256), (1024, 1024, 784), (17, 33, 5)] {
        let (a, b, bias) = (Shape::from([m, k]), Shape::from([n, k]), Shape::from([n]));
        let (b_transposed, c) = (Shape::from([k, n]), Shape::from([m, n]));
        for dropout in [None, dropout] {
            let forward: Op = Fused::layer(activation, dropout).into();
            let backward: Op = Fused::grad_input(activation, dropout).into();
            for (op, shapes, form) in [
                (forward, [&a, &b, &bias, &c, &c], Matmul::NT),
                (backward, [&a, &b_transposed, &c, &c, &c], Matmul::NN),
            ] {
                let grid = op.grid(&shapes[..3]);
                for target in [HARDWARE, lavapipe, Target::DOWNLEVEL] {
                    let variant = choose(&target, op.spec(), &grid, &op.constants()).name;
                    assert_eq!(variant, chosen(&target, form, m as u32, n as u32, k as u32), "{op:?}");
                }
            }
            // The same on rows of the dataset, on real GPUs: elsewhere plans do not ask for it.
            for byte_scale in [None, Some(0.5)] {
                let op = Fused::layer(activation, dropout).on_rows(0, m, byte_scale);
                let (data, order) = (Shape::from([2 * m, k]), Shape::from([2 * m]));
                let grid = op.grid(&[&data, &order, &b, &bias]);
                let variant = choose(&HARDWARE, op.spec(), &grid, &op.constants()).name;
                assert_eq!(variant, chosen(&HARDWARE, Matmul::NT, m as u32, n as u32, k as u32), "{op:?}");
            }
        }
    }
}
