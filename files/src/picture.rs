//! Thumbnails of pictures. What a picture costs to decode is bounded before it is decoded.

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    metadata::Orientation,
};
use std::{
    fs::File,
    io::{BufReader, Cursor},
    path::Path,
};

/// The longer side of a thumbnail, in pixels: sharp in a thread on a dense screen.
pub(crate) const THUMBNAIL_SIDE_MAX: u32 = 640;

/// Pixels of the largest picture that is made smaller. The cameras of phones take 12 to 50 million.
///
/// More makes thumbnails of larger pictures; each pixel takes three to eight bytes for a moment.
pub(crate) const PIXELS_MAX: u64 = 50_000_000;

/// Memory for decoding one picture, in bytes.
pub(crate) const DECODED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What a thumbnail is, whatever the picture was.
pub const THUMBNAIL_TYPE: &str = "image/jpeg";

/// How good a thumbnail is: of 100.
const QUALITY: u8 = 80;

/// What is known of a picture.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Width and height in pixels, as it is to be shown; of one that cannot be read, `None`.
    pub size: Option<(u32, u32)>,
    /// A smaller one as JPEG; of one that is broken or too large to decode, `None`.
    pub thumbnail: Option<Vec<u8>>,
}

/// Looks at a picture. Takes a processor for up to some seconds, and [`DECODED_BYTES_MAX`] of memory.
pub(crate) fn preview(path: &Path, format: ImageFormat) -> Preview {
    let mut preview = Preview::default();
    // What is wrong with a stranger's picture concerns nobody here: it is shown as a file.
    if let Ok(thumbnail) = look(path, format, &mut preview) {
        preview.thumbnail = thumbnail;
    }
    preview
}

fn look(path: &Path, format: ImageFormat, preview: &mut Preview) -> Result<Option<Vec<u8>>, ImageError> {
    let file = BufReader::new(File::open(path).map_err(ImageError::IoError)?);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    preview.size = Some(if is_turned(orientation) { (height, width) } else { (width, height) });
    if u64::from(width) * u64::from(height) > PIXELS_MAX || decoder.total_bytes() > DECODED_BYTES_MAX {
        return Ok(None);
    }
    let picture = DynamicImage::from_decoder(decoder)?;
    let side = THUMBNAIL_SIDE_MAX;
    // Averages blocks of pixels first: of a large picture only a small part is left to be filtered.
    let mut small = if width.max(height) > side { picture.thumbnail(side, side) } else { picture };
    small.apply_orientation(orientation);
    Ok(Some(encode(&small)?))
}

/// Whether width and height change places.
const fn is_turned(orientation: Orientation) -> bool {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => true,
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => false,
    }
}

/// JPEG has no transparency: what shows through is white.
fn encode(picture: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut rgba = picture.to_rgba8();
    for pixel in rgba.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        let over = |part: u8| {
            let (part, alpha) = (u32::from(part), u32::from(alpha));
            u8::try_from((part * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        pixel.0 = [over(red), over(green), over(blue), 255];
    }
    let rgb = DynamicImage::ImageRgba8(rgba).into_rgb8();
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&rgb)?;
    Ok(bytes.into_inner())
}
