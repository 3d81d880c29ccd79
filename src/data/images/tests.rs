//! Folders of images that the tests write themselves.

use super::super::Features;
use super::*;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, RgbImage, Rgba, RgbaImage};

/// A folder that is empty.
fn root(name: &str) -> PathBuf {
    let root = std::env::temp_dir().join(format!("anygrad-images-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    root
}

fn save(image: impl Into<DynamicImage>, path: PathBuf) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save_with_format(&path, ImageFormat::from_path(&path).unwrap()).unwrap();
}

/// An image of one color.
fn plain(width: u32, height: u32, color: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(width, height, image::Rgb(color))
}

fn read(root: &Path) -> Result<Images> {
    images(root, &ImageOptions::default())
}

fn rows(data: &Dataset) -> (usize, Vec<&[u8]>) {
    let Features::U8 { width, data } = &data.features else { panic!("bytes") };
    (*width, data.chunks(*width).collect())
}

fn labels(data: &Dataset) -> (&[String], &[u32]) {
    let Targets::Labels { classes, data, .. } = &data.targets else { panic!("labels") };
    (classes, data)
}

#[test]
fn classes_are_folders_and_rows_are_channels_of_rows() {
    let root = root("classes");
    for (class, level) in [("10", 7), ("2", 5)] {
        for i in 0..2 {
            let image = RgbImage::from_fn(3, 2, |x, y| image::Rgb([(10 * y + x) as u8, level, i]));
            save(image, root.join(class).join(format!("{i}.png")));
        }
    }
    std::fs::write(root.join(".DS_Store"), "x").unwrap();
    std::fs::write(root.join("2/Thumbs.db"), "x").unwrap();
    std::fs::write(root.join("README.txt"), "x").unwrap();
    let Images { parts, decisions } = read(&root).unwrap();
    let (classes, labels) = labels(&parts.train);
    assert_eq!((classes, labels), (&["2".to_string(), "10".into()][..], &[0, 0, 1, 1][..]));
    let (width, rows) = rows(&parts.train);
    assert_eq!(width, 18);
    assert_eq!(rows[1], [0, 1, 2, 10, 11, 12, 5, 5, 5, 5, 5, 5, 1, 1, 1, 1, 1, 1]);
    assert_eq!(rows[2][6..], [7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
    assert_eq!(parts.train.preprocessing, Preprocessing::Scale { factor: 1.0 / 255.0 });
    assert_eq!(
        decisions,
        [
            "classes  2 (folders: 2, 10)",
            "left out  3 hidden or other files (.DS_Store, README.txt, Thumbs.db)",
            "size  2×3 (the size of all images)",
            "color  rgb (0 of 4 images are grey)",
        ]
    );
    // A model's features tell how to read more images for it.
    let options = ImageOptions::of_features(&parts.train.feature_names).unwrap();
    assert_eq!((options.size, options.color), (Some([2, 3]), Some(Color::Rgb)));
    let (features, files) = image_rows(&root.join("2"), &options).unwrap();
    assert_eq!(features, parts.train.select(&[0, 1]).features);
    assert!(files[1].ends_with("2/1.png"));
    let (feature, _) = image_rows(&root.join("10/1.png"), &options).unwrap();
    assert_eq!(feature, parts.train.select(&[3]).features);
    let backwards = ["10".to_string(), "2".into()];
    let known = ImageOptions { classes: Some(backwards.to_vec()), ..options.clone() };
    assert_eq!(super::tests::labels(&images(&root, &known).unwrap().parts.train), (&backwards[..], &[0, 0, 1, 1][..]));
    let other = ImageOptions { classes: Some(vec!["2".into(), "3".into()]), ..options };
    assert!(images(&root, &other).unwrap_err().to_string().contains("10: unknown class `10`"));
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn folders_called_train_and_test_are_parts() {
    let root = root("parts");
    for (part, count) in [("train", 3), ("val", 2), ("test", 1)] {
        for class in ["cat", "dog"] {
            (0..count).for_each(|i| save(plain(2, 2, [i; 3]), root.join(format!("{part}/{class}/{i}.jpg"))));
        }
    }
    // A part need not have all classes.
    std::fs::remove_dir_all(root.join("test/cat")).unwrap();
    let Images { parts, decisions } = read(&root).unwrap();
    let counts: Vec<_> = parts.iter().map(|(name, data)| (name, data.rows())).collect();
    assert_eq!(counts, [("train", 6), ("validation", 4), ("test", 1)]);
    assert_eq!(labels(parts.test.as_ref().unwrap()).1, [1]);
    assert_eq!(decisions[0], "parts  test, train, val (folders of these names)");
    save(plain(2, 2, [0; 3]), root.join("test/bird/0.png"));
    assert!(read(&root).unwrap_err().to_string().contains("unknown class `bird`; the known classes are cat, dog"));
    std::fs::rename(root.join("test"), root.join("more")).unwrap();
    let error = read(&root).unwrap_err().to_string();
    assert!(error.contains("a folder in a class folder; class folders hold images; parts are"), "{error}");
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn every_kind_of_png_and_jpeg_becomes_bytes() {
    let root = root("kinds");
    let clear = RgbaImage::from_pixel(4, 4, Rgba([200, 100, 50, 128]));
    save(clear, root.join("a/alpha.png"));
    save(plain(4, 4, [200, 100, 50]), root.join("a/color.png"));
    save(GrayImage::from_pixel(4, 4, Luma([124])), root.join("a/grey.png"));
    let deep = image::ImageBuffer::from_pixel(4, 4, Luma([124 * 257u16]));
    save(DynamicImage::ImageLuma16(deep), root.join("a/sixteen.png"));
    save(GrayImage::from_pixel(4, 4, Luma([124])), root.join("b/grey.jpeg"));
    save(plain(8, 2, [124; 3]), root.join("b/other.PNG"));
    // By its bytes this is a PNG.
    std::fs::copy(root.join("a/grey.png"), root.join("b/wrong.jpg")).unwrap();
    let grey = ImageOptions { size: Some([4, 4]), color: Some(Color::Grey), classes: None };
    let Images { parts, decisions } = images(&root, &grey).unwrap();
    // Pillow 13.0.0: Image.fromarray(np.uint8([[[200, 100, 50]]])).convert("L").getpixel((0, 0)) is 124.
    assert!(rows(&parts.train).1.iter().all(|row| *row == [124; 16]), "{:?}", rows(&parts.train));
    assert_eq!((parts.train.feature_names[15].as_str(), decisions.len()), ("pixel_3_3", 1));
    let Images { parts, decisions } = read(&root).unwrap();
    assert_eq!(rows(&parts.train).0, 3 * 32 * 32);
    assert_eq!(decisions[1..], ["size  32×32 (the images are of 2 sizes)", "color  rgb (4 of 7 images are grey)"]);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_smaller_size_is_the_mean_that_pillow_takes() {
    let root = root("resized");
    let level = |x: u32, y: u32| ((37 * x * x + 11 * y * y * y + 5 * x * y) % 256) as u8;
    save(GrayImage::from_fn(6, 4, |x, y| Luma([level(x, y)])), root.join("a/0.png"));
    save(GrayImage::from_pixel(6, 4, Luma([9])), root.join("b/0.png"));
    let small = ImageOptions { size: Some([2, 3]), ..ImageOptions::default() };
    let parts = images(&root, &small).unwrap().parts;
    // Pillow 13.0.0: np.array(Image.fromarray(levels).resize((3, 2), Image.BILINEAR)).
    let expected = [52i16, 112, 130, 87, 144, 124];
    let (_, rows) = rows(&parts.train);
    let is_near = rows[0].iter().zip(expected).all(|(&own, other)| (i16::from(own) - other).abs() <= 1);
    assert!(is_near && rows[1] == [9; 6], "{rows:?}");
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    let root = root("refused");
    let whole = |name: &str| save(plain(16, 16, [1, 2, 3]), root.join(name));
    let refused = |parts: &[&str]| {
        let error = read(&root).unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(error.contains(part), "`{part}` is missing in: {error}"));
    };
    refused(&["no class folders", "images:DIR"]);
    whole("a/0.png");
    refused(&["a single class folder, `a`"]);
    whole("b/0.jpg");
    std::fs::create_dir(root.join("c")).unwrap();
    refused(&["c: a class without images"]);
    std::fs::remove_dir(root.join("c")).unwrap();
    assert!(read(&root).is_ok());
    let whole_jpeg = std::fs::read(root.join("b/0.jpg")).unwrap();
    let whole_png = std::fs::read(root.join("a/0.png")).unwrap();
    // A header that promises 4 billion pixels.
    let mut huge = whole_png.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    for (name, bytes, part) in [
        ("b/1.txt", b"notes".to_vec(), "not an image"),
        ("b/1.png", Vec::new(), "a damaged image"),
        ("b/1.gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "the format Gif"),
        ("b/2.png", whole_png[..whole_png.len() / 2].to_vec(), "a damaged image"),
        ("b/3.jpg", whole_jpeg[..20].to_vec(), "a damaged image"),
        ("b/4.png", huge, "a damaged image"),
        ("1.png", whole_png, "outside the class folders"),
    ] {
        let path = root.join(name);
        std::fs::write(&path, bytes).unwrap();
        refused(&[name, part]);
        // The size told, no header is looked at before.
        let told = ImageOptions { size: Some([2, 2]), color: Some(Color::Rgb), classes: None };
        assert!(images(&root, &told).unwrap_err().to_string().contains(name));
        std::fs::remove_file(path).unwrap();
    }
    // Of several, the first, however many threads read.
    for i in 10..40 {
        std::fs::write(root.join(format!("b/{i}.png")), b"nothing").unwrap();
    }
    refused(&["b/10.png"]);
    let zero = ImageOptions { size: Some([0, 5]), ..ImageOptions::default() };
    assert!(images(&root, &zero).unwrap_err().to_string().starts_with("image_size = 0x5: an image must have"));
    std::fs::remove_dir_all(root).unwrap();
}
