#include "kernels.h"
#if CSHA256_X86
uint64_t csha256_scan_avx2(const csha256_job *job, uint32_t start, uint64_t count, uint32_t top,
                           uint32_t *candidates, size_t capacity, size_t *found) {
    return csha256_scan_portable(job, start, count, top, candidates, capacity, found);
}
uint64_t csha256_scan_avx512(const csha256_job *job, uint32_t start, uint64_t count, uint32_t top,
                             uint32_t *candidates, size_t capacity, size_t *found) {
    return csha256_scan_portable(job, start, count, top, candidates, capacity, found);
}
#endif
