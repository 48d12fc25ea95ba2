// Threads that are kept between calls. No OpenMP: its runtime would be a second one beside torch's.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace inn {

class Pool {
public:
    // Call f(thread) for thread = 0 ... threads - 1; returns when all are done.
    template <class F>
    static void run(int threads, const F& f) {
        if (threads <= 1) return f(0);
        const std::lock_guard<std::mutex> one_at_a_time(gate());
        Pool& pool = of_this_process();
        pool.start(threads, [](const void* g, int t) { (*static_cast<const F*>(g))(t); }, &f);
        f(0);
        pool.wait();
    }

private:
    using Call = void (*)(const void*, int);

    static std::mutex& gate() {
        static std::mutex mutex;
        return mutex;
    }

    // A forked child inherits no threads: it gets a pool of its own, and the old one is left alone.
    static Pool& of_this_process() {
        static Pool* pool = nullptr;
        static pid_t owner = 0;
        if (owner != getpid()) {
            pool = new Pool;
            owner = getpid();
        }
        return *pool;
    }

    void start(int threads, Call call, const void* function) {
        std::unique_lock<std::mutex> lock(mutex_);
        while (static_cast<int>(workers_.size()) < threads - 1) {
            const int number = static_cast<int>(workers_.size()) + 1;
            workers_.emplace_back([this, number, seen = job_] { work(number, seen); });
            workers_.back().detach();
        }
        call_ = call;
        function_ = function;
        threads_ = threads;
        busy_ = threads - 1;
        job_++;
        lock.unlock();
        begin_.notify_all();
    }

    void wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        end_.wait(lock, [this] { return busy_ == 0; });
    }

    void work(int number, long seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        while (true) {
            begin_.wait(lock, [this, seen] { return job_ != seen; });
            seen = job_;
            if (number >= threads_) continue;
            const Call call = call_;
            const void* function = function_;
            lock.unlock();
            call(function, number);
            lock.lock();
            if (--busy_ == 0) end_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable begin_, end_;
    std::vector<std::thread> workers_;
    Call call_ = nullptr;
    const void* function_ = nullptr;
    int threads_ = 0, busy_ = 0;
    long job_ = 0;
};

}  // namespace inn
