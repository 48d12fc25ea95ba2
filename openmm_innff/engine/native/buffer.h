// Memory for rows of lanes: aligned, kept, never shrunk.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace inn {

template <class T>
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&& o) noexcept : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
    Buffer& operator=(Buffer&& o) noexcept {
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    // Make room for n elements; what was there is lost if it has to grow.
    T* reserve(size_t n) {
        if (n <= size_) return data_;
        std::free(data_);
        size_ = n + n / 4;
        const size_t bytes = (size_ * sizeof(T) + 63) / 64 * 64;
        data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
        if (!data_) {
            size_ = 0;
            throw std::bad_alloc();
        }
        return data_;
    }
    T* zeros(size_t n) {
        reserve(n);
        if (n) std::memset(static_cast<void*>(data_), 0, n * sizeof(T));
        return data_;
    }
    T* data() { return data_; }
    const T* data() const { return data_; }
    T& operator[](size_t k) { return data_[k]; }
    const T& operator[](size_t k) const { return data_[k]; }

private:
    T* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace inn
