#include "manager/io_thread.hpp"

#include <pthread.h>

#include <csignal>

namespace marketdb {

IoThread::IoThread() : context_(1), work_(boost::asio::make_work_guard(context_)) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { context_.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

IoThread::~IoThread() { stop(); }

void IoThread::stop() noexcept {
    work_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace marketdb
