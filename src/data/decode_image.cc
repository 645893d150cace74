// Images: JPEG and PNG into 8-bit pixels, untrusted bytes, no file access.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
#include <png.h>

#include "quantbench/base/format.h"

#include "data/resize.h"

namespace quantbench {
namespace {

Error Corrupt(std::string_view name, std::string_view kind, std::string_view why) {
  return {ErrorCode::kMalformed,
          Format("{}: corrupt {}: {}", Printable(name), kind, Printable(why))};
}

Status CheckSize(std::string_view name, std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1 || width * height > kMostPixels) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: {} x {} pixels are outside the limit of {} million", Printable(name),
                        width, height, kMostPixels >> 20U));
  }
  return Ok();
}

// PIL's "L" of RGB: ITU-R 601-2 luma in 16-bit fixed point.
std::uint8_t Luma(const std::uint8_t* rgb) {
  const std::uint32_t luma = rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U;
  return static_cast<std::uint8_t>(luma >> 16U);
}

// `from` has 3 channels; keeps them or turns them to gray.
Image Finish(Image from, int channels) {
  if (channels == 3) return from;
  Image gray{from.width, from.height, 1, {}};
  const std::size_t pixels = from.pixels.size() / 3;
  gray.pixels.resize(pixels);
  for (std::size_t i = 0; i < pixels; ++i) gray.pixels[i] = Luma(from.pixels.data() + 3 * i);
  return gray;
}

// --- JPEG ---

struct JpegErrors {
  jpeg_error_mgr manager{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = {};
};

void OnJpegError(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

// Warnings mean damaged data that libjpeg would paper over: a sample must not be half gray.
void OnJpegMessage(j_common_ptr info, int level) {
  if (level < 0) OnJpegError(info);
}

// Adobe writes CMYK inverted; PIL converts as (255 - c) * (255 - k) / 255 on the inverted values.
void CmykToRgb(const std::vector<std::uint8_t>& cmyk, Image* image) {
  for (std::size_t i = 0; i < cmyk.size() / 4; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint32_t product = std::uint32_t{cmyk[4 * i + c]} * cmyk[4 * i + 3] + 128;
      image->pixels[3 * i + c] = static_cast<std::uint8_t>(((product >> 8U) + product) >> 8U);
    }
  }
}

// Everything between setjmp and the last libjpeg call; `pixels` and `row` live outside the jump.
bool ReadJpeg(jpeg_decompress_struct* info, JpegErrors* errors, std::string_view bytes,
              Image* image, std::vector<std::uint8_t>* cmyk, std::string* refused) {
  if (setjmp(errors->jump) != 0) return false;  // NOLINT(cert-err52-cpp): libjpeg's only way out
  jpeg_create_decompress(info);
  jpeg_mem_src(info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(info, TRUE);
  const auto size = CheckSize("", info->image_width, info->image_height);
  if (!size.ok()) {
    *refused = size.error().message();
    return false;
  }
  const bool four = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
  info->out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(info);
  image->width = static_cast<int>(info->output_width);
  image->height = static_cast<int>(info->output_height);
  const std::size_t pixels = std::size_t{info->output_width} * info->output_height;
  image->pixels.resize(pixels * 3);
  if (four) cmyk->resize(pixels * 4);
  std::uint8_t* out = four ? cmyk->data() : image->pixels.data();
  const std::size_t stride = std::size_t{info->output_width} * (four ? 4 : 3);
  while (info->output_scanline < info->output_height) {
    JSAMPROW row = out + info->output_scanline * stride;
    jpeg_read_scanlines(info, &row, 1);
  }
  jpeg_finish_decompress(info);
  return true;
}

Result<Image> DecodeJpeg(std::string_view bytes, std::string_view name, int channels) {
  jpeg_decompress_struct info{};
  JpegErrors errors;
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = OnJpegError;
  errors.manager.emit_message = OnJpegMessage;
  Image image;
  std::vector<std::uint8_t> cmyk;
  std::string refused;
  const bool read = ReadJpeg(&info, &errors, bytes, &image, &cmyk, &refused);
  jpeg_destroy_decompress(&info);
  if (!read && !refused.empty()) return Error(ErrorCode::kMalformed, std::string(name) + refused);
  if (!read) return Corrupt(name, "JPEG", errors.message);
  if (!cmyk.empty()) CmykToRgb(cmyk, &image);
  return Finish(std::move(image), channels);
}

// --- PNG ---

// libpng's simplified API handles every colour type; alpha is dropped as PIL's convert("RGB") does,
// so it is read and left out rather than blended.
Result<Image> DecodePng(std::string_view bytes, std::string_view name, int channels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) {
    return Corrupt(name, "PNG", png.message);
  }
  const auto size = CheckSize(name, png.width, png.height);
  if (!size.ok()) {
    png_image_free(&png);
    return size.error();
  }
  const bool alpha = (png.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  png.format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(png));
  if (png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr) == 0) {
    return Corrupt(name, "PNG", png.message);
  }
  Image image{static_cast<int>(png.width), static_cast<int>(png.height), 3, {}};
  if (alpha) {
    image.pixels.resize(pixels.size() / 4 * 3);
    for (std::size_t i = 0; i < pixels.size() / 4; ++i) {
      std::memcpy(image.pixels.data() + 3 * i, pixels.data() + 4 * i, 3);
    }
  } else {
    image.pixels = std::move(pixels);
  }
  return Finish(std::move(image), channels);
}

}  // namespace

Result<Image> DecodeImage(std::string_view bytes, std::string_view name, int channels) {
  if (bytes.starts_with("\xFF\xD8\xFF")) return DecodeJpeg(bytes, name, channels);
  if (bytes.starts_with("\x89PNG")) return DecodePng(bytes, name, channels);
  return Error(ErrorCode::kMalformed,
               Format("{}: {}", Printable(name),
                      bytes.empty() ? "the file is empty" : "neither a JPEG nor a PNG image"));
}

}  // namespace quantbench
