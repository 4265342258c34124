// Messages of any length: padding and buffering around the compression function that the dispatch chose.
#include <string.h>

#include "kernels.h"

void csha256_stream_init(csha256_stream *stream) {
    memcpy(stream->state, csha256_IV, sizeof stream->state);
    stream->length = 0;
}

void csha256_stream_resume(csha256_stream *stream, const uint32_t state[8], uint64_t length) {
    memcpy(stream->state, state, sizeof stream->state);
    stream->length = length;
}

void csha256_stream_update(csha256_stream *stream, const void *bytes, size_t count) {
    if (count == 0) return;
    const uint8_t *next = bytes;
    size_t held = stream->length % 64;
    stream->length += count;
    if (held > 0) {
        size_t taken = 64 - held < count ? 64 - held : count;
        memcpy(stream->buffer + held, next, taken);
        if (held + taken < 64) return;
        csha256_compress(stream->state, stream->buffer, 1);
        next += taken;
        count -= taken;
    }
    if (count >= 64) csha256_compress(stream->state, next, count / 64);
    memcpy(stream->buffer, next + count / 64 * 64, count % 64);
}

// Pads `held` bytes at `rest` (< 64) of a message of `length` bytes and finishes `state`.
static void finish(uint32_t state[8], const uint8_t *rest, size_t held, uint64_t length) {
    uint8_t last[128];
    size_t blocks = held < 56 ? 1 : 2;
    if (held > 0) memcpy(last, rest, held);
    last[held] = 0x80;
    memset(last + held + 1, 0, 64 * blocks - 8 - held - 1);
    uint8_t *end = last + 64 * blocks - 8;
    csha256_store_big_endian(end, (uint32_t)(length >> 29));
    csha256_store_big_endian(end + 4, (uint32_t)(length << 3));
    csha256_compress(state, last, blocks);
}

static void store(const uint32_t state[8], uint8_t out[32]) {
    for (int i = 0; i < 8; i++) csha256_store_big_endian(out + 4 * i, state[i]);
}

// Hashes the digest in `state` once more.
static void store_second(const uint32_t state[8], uint8_t out[32]) {
    uint8_t block[64];
    uint32_t second[8];
    store(state, block);
    memcpy(block + 32, csha256_padding_of_32, 32);
    memcpy(second, csha256_IV, sizeof second);
    csha256_compress(second, block, 1);
    store(second, out);
}

void csha256_stream_finish(const csha256_stream *stream, uint8_t out[32]) {
    uint32_t state[8];
    memcpy(state, stream->state, sizeof state);
    finish(state, stream->buffer, stream->length % 64, stream->length);
    store(state, out);
}

void csha256_stream_finish_double(const csha256_stream *stream, uint8_t out[32]) {
    uint32_t state[8];
    memcpy(state, stream->state, sizeof state);
    finish(state, stream->buffer, stream->length % 64, stream->length);
    store_second(state, out);
}

static void digest(uint32_t state[8], const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    memcpy(state, csha256_IV, 32);
    if (count >= 64) csha256_compress(state, next, count / 64);
    finish(state, count % 64 > 0 ? next + count / 64 * 64 : next, count % 64, count);
}

void csha256_hash(const void *bytes, size_t count, uint8_t out[32]) {
    uint32_t state[8];
    digest(state, bytes, count);
    store(state, out);
}

void csha256_double(const void *bytes, size_t count, uint8_t out[32]) {
    uint32_t state[8];
    digest(state, bytes, count);
    store_second(state, out);
}

void csha256_job_hash(const csha256_job *job, uint32_t nonce, uint8_t out[32]) {
    uint8_t block[64] = {0};
    uint32_t state[8];
    for (int i = 0; i < 3; i++) csha256_store_big_endian(block + 4 * i, job->tail[i]);
    csha256_store_big_endian(block + 12, __builtin_bswap32(nonce));
    block[16] = 0x80;
    csha256_store_big_endian(block + 60, 640);
    memcpy(state, job->midstate, sizeof state);
    csha256_compress(state, block, 1);
    store_second(state, out);
}
