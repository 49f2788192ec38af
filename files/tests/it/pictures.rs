//! Pictures of strangers: most are made smaller, and none costs more than it may.

use crate::keeping::{in_folder, received};
use files::{Config, Preview};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let of = |x: u32, y: u32| Rgb([u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap(), 128]);
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, of));
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

async fn preview(bytes: &[u8]) -> Preview {
    let (_folder, files) = in_folder(Config::default());
    let received = received(&files, bytes).await;
    files.preview(&received).await
}

fn size(jpeg: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap();
    (picture.width(), picture.height())
}

/// An empty PNG that says it is this large.
fn promising(width: u32, height: u32) -> Vec<u8> {
    let mut png = picture(1, 1, ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0_u32;
    for byte in &png[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[tokio::test]
async fn pictures_are_measured_and_made_smaller() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let found = preview(&picture(1600, 800, format)).await;
        assert_eq!(found.size, Some((1600, 800)), "{format:?}");
        assert_eq!(size(&found.thumbnail.unwrap()), (640, 320), "{format:?}");
    }
    let small = preview(&picture(20, 10, ImageFormat::Png)).await;
    assert_eq!(size(&small.thumbnail.unwrap()), (20, 10));
}

/// EXIF orientation 6: the camera was held upright, and the picture is to be turned by 90 degrees.
#[tokio::test]
async fn a_picture_stands_upright_as_its_camera_says() {
    let mut jpeg = picture(300, 200, ImageFormat::Jpeg);
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    jpeg.splice(2..2, exif.iter().copied());
    let found = preview(&jpeg).await;
    assert_eq!(found.size, Some((200, 300)));
    assert_eq!(size(&found.thumbnail.unwrap()), (200, 300));
}

#[tokio::test]
async fn a_picture_that_would_fill_the_memory_is_not_decoded() {
    let found = preview(&promising(60_000, 60_000)).await;
    assert_eq!((found.size, found.thumbnail), (Some((60_000, 60_000)), None));
    for (width, height) in [(2_147_483_647, 1), (50_000_001, 1), (2_147_483_647, 2_147_483_647), (0, 0)] {
        assert_eq!(preview(&promising(width, height)).await.thumbnail, None);
    }
    // One that is allowed, and not there: its promise alone costs nothing that stays.
    assert_eq!(preview(&promising(7000, 7000)).await.thumbnail, None);
}

#[tokio::test]
async fn what_only_begins_like_a_picture_has_no_thumbnail() {
    let png = picture(100, 100, ImageFormat::Png);
    for bytes in [&png[..40], b"\x89PNG\r\n\x1a\n".as_slice(), b"\xff\xd8\xff\xe0", b"GIF89a", b"<html>"] {
        assert_eq!(preview(bytes).await.thumbnail, None);
    }
    assert_eq!(preview(b"just text").await, Preview::default());
}
