#include "scenarios/engine/batch.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

namespace smmusim::scenarios {

namespace fs = std::filesystem;

/// A running process and what it has said so far.
struct Batch::Worker {
    std::size_t index;
    pid_t process;
    int pipe;
    std::string said;
};

namespace {

void say_all(int pipe, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t count = write(pipe, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        done += static_cast<std::size_t>(count);
    }
}

}  // namespace

Batch::Worker Batch::start(std::size_t index, const fs::path& file) {
    int ends[2];
    std::fflush(nullptr);
    if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const pid_t process = fork();
    if (process < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process == 0) {
        close(ends[0]);
        Outcome outcome;
        try {
            outcome = run_(file);
        } catch (const std::exception& error) {
            outcome.file = file.string();
            outcome.name = file.stem().string();
            outcome.error = error.what();
        }
        say_all(ends[1], outcome.json().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
        std::fflush(nullptr);
        _exit(static_cast<int>(outcome.ending));
    }
    close(ends[1]);
    return {index, process, ends[0], {}};
}

Outcome Batch::finish(Worker& worker, const fs::path& file) {
    close(worker.pipe);
    int status = 0;
    while (waitpid(worker.process, &status, 0) < 0 && errno == EINTR) continue;
    const nlohmann::ordered_json document = nlohmann::ordered_json::parse(worker.said, nullptr, false);
    if (document.is_object()) return Outcome::from_json(document);
    Outcome outcome;
    outcome.file = file.string();
    outcome.name = file.stem().string();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        outcome.ending = Ending::WallLimit;
        outcome.error = "the wall-clock limit passed within one event";
    } else if (WIFSIGNALED(status)) {
        outcome.error = std::string("the simulator was ended by ") + strsignal(WTERMSIG(status));
    } else {
        outcome.error = "the simulator ended without a result";
    }
    return outcome;
}

std::vector<Outcome> Batch::execute(const std::vector<fs::path>& files, unsigned jobs, const Report& report) {
    std::vector<std::optional<Outcome>> outcomes(files.size());
    std::vector<Worker> workers;
    std::size_t next = 0, reported = 0;
    while (next < files.size() || !workers.empty()) {
        while (next < files.size() && workers.size() < std::max(1u, jobs)) {
            workers.push_back(start(next, files[next]));
            ++next;
        }
        std::vector<pollfd> waits;
        for (const Worker& worker : workers) waits.push_back({worker.pipe, POLLIN, 0});
        if (poll(waits.data(), waits.size(), -1) < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "poll");
        }
        for (std::size_t place = waits.size(); place-- > 0;) {
            if (waits[place].revents == 0) continue;
            char part[4096];
            const ssize_t count = read(workers[place].pipe, part, sizeof part);
            if (count > 0) {
                workers[place].said.append(part, static_cast<std::size_t>(count));
                continue;
            }
            if (count < 0 && errno == EINTR) continue;
            outcomes[workers[place].index] = finish(workers[place], files[workers[place].index]);
            workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(place));
        }
        for (; reported < outcomes.size() && outcomes[reported]; ++reported) report(*outcomes[reported]);
    }
    std::vector<Outcome> results;
    for (std::optional<Outcome>& outcome : outcomes) results.push_back(std::move(*outcome));
    return results;
}

}  // namespace smmusim::scenarios
