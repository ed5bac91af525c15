// Somebody else's TLM-2.0 modules, written plainly after the base protocol, to talk to ours.
#pragma once

#include <gtest/gtest.h>
#include <tlm.h>

#include <cstring>
#include <deque>
#include <map>
#include <systemc>
#include <vector>

namespace smmusim::test {

/// A memory in four phases that accepts one request at a time.
class ForeignTarget : public sc_core::sc_module, private ::tlm::tlm_fw_transport_if<> {
public:
    SC_HAS_PROCESS(ForeignTarget);
    explicit ForeignTarget(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") {
        socket.bind(*this);
        SC_METHOD(end_request);
        sensitive << end_request_event_;
        dont_initialize();
        SC_METHOD(begin_response);
        sensitive << response_event_;
        dont_initialize();
    }

    ::tlm::tlm_target_socket<> socket;
    sc_core::sc_time accept_delay{5, sc_core::SC_NS};
    sc_core::sc_time latency{50, sc_core::SC_NS};
    std::map<sc_dt::uint64, unsigned char> bytes;
    std::vector<sc_core::sc_time> arrivals;
    bool keep_payloads = false;  ///< holds its reference a while longer

    ~ForeignTarget() override {
        for (auto* payload : kept_) payload->release();
    }

private:
    ::tlm::tlm_sync_enum nb_transport_fw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override {
        if (phase == ::tlm::END_RESP) return ::tlm::TLM_COMPLETED;
        EXPECT_EQ(phase, ::tlm::BEGIN_REQ);
        EXPECT_EQ(accepting_, nullptr) << "request exclusion rule";
        payload.acquire();
        if (keep_payloads) {
            payload.acquire();
            kept_.push_back(&payload);
        }
        accepting_ = &payload;
        arrivals.push_back(sc_core::sc_time_stamp() + delay);
        end_request_event_.notify(delay + accept_delay);
        return ::tlm::TLM_ACCEPTED;
    }
    void end_request() {
        ::tlm::tlm_generic_payload& payload = *accepting_;
        accepting_ = nullptr;
        due_.push_back({sc_core::sc_time_stamp() + latency, &payload});
        if (due_.size() == 1) response_event_.notify(latency);
        ::tlm::tlm_phase phase = ::tlm::END_REQ;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_bw(payload, phase, delay);
    }
    void begin_response() {
        ::tlm::tlm_generic_payload& payload = *due_.front().second;
        due_.pop_front();
        access(payload);
        ::tlm::tlm_phase phase = ::tlm::BEGIN_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        EXPECT_EQ(socket->nb_transport_bw(payload, phase, delay), ::tlm::TLM_COMPLETED);
        payload.release();
        if (!due_.empty()) response_event_.notify(due_.front().first - sc_core::sc_time_stamp());
    }
    void access(::tlm::tlm_generic_payload& payload) {
        for (unsigned int i = 0; i < payload.get_data_length(); ++i) {
            if (payload.is_write()) bytes[payload.get_address() + i] = payload.get_data_ptr()[i];
            else payload.get_data_ptr()[i] = bytes[payload.get_address() + i];
        }
        payload.set_response_status(::tlm::TLM_OK_RESPONSE);
    }
    void b_transport(::tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override {
        access(payload);
        delay += latency;
    }
    unsigned int transport_dbg(::tlm::tlm_generic_payload& payload) override {
        access(payload);
        return payload.get_data_length();
    }
    bool get_direct_mem_ptr(::tlm::tlm_generic_payload&, ::tlm::tlm_dmi&) override { return false; }

    ::tlm::tlm_generic_payload* accepting_ = nullptr;
    std::deque<std::pair<sc_core::sc_time, ::tlm::tlm_generic_payload*>> due_;
    std::vector<::tlm::tlm_generic_payload*> kept_;
    sc_core::sc_event end_request_event_;
    sc_core::sc_event response_event_;
};

/// A target that completes inside the forward call, with the latency annotated.
class EarlyTarget : public sc_core::sc_module, private ::tlm::tlm_fw_transport_if<> {
public:
    explicit EarlyTarget(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") {
        socket.bind(*this);
    }

    ::tlm::tlm_target_socket<> socket;
    bool by_phase = false;  ///< answers with BEGIN_RESP on the return path instead of TLM_COMPLETED
    unsigned int ended = 0;

private:
    ::tlm::tlm_sync_enum nb_transport_fw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override {
        if (phase == ::tlm::END_RESP) {
            ++ended;
            return ::tlm::TLM_COMPLETED;
        }
        payload.set_response_status(payload.is_read() ? ::tlm::TLM_ADDRESS_ERROR_RESPONSE : ::tlm::TLM_OK_RESPONSE);
        delay += sc_core::sc_time(30, sc_core::SC_NS);
        if (!by_phase) return ::tlm::TLM_COMPLETED;
        phase = ::tlm::BEGIN_RESP;
        return ::tlm::TLM_UPDATED;
    }
    void b_transport(::tlm::tlm_generic_payload&, sc_core::sc_time&) override {}
    unsigned int transport_dbg(::tlm::tlm_generic_payload&) override { return 0; }
    bool get_direct_mem_ptr(::tlm::tlm_generic_payload&, ::tlm::tlm_dmi&) override { return false; }
};

/// Sends a list of transactions in four phases and takes `response_time` for each response.
class ForeignInitiator : public sc_core::sc_module,
                         private ::tlm::tlm_bw_transport_if<>,
                         private ::tlm::tlm_mm_interface {
public:
    SC_HAS_PROCESS(ForeignInitiator);
    struct Job {
        ::tlm::tlm_command command;
        sc_dt::uint64 address;
        std::vector<unsigned char> data;
        std::vector<unsigned char> byte_enable;
        unsigned int streaming_width = 0;
        sc_core::sc_time begun;
        sc_core::sc_time done;
        ::tlm::tlm_response_status status = ::tlm::TLM_INCOMPLETE_RESPONSE;
    };

    explicit ForeignInitiator(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") {
        socket.bind(*this);
        SC_METHOD(send);
        sensitive << send_event_;
        SC_METHOD(end_response);
        sensitive << end_response_event_;
        dont_initialize();
    }

    ::tlm::tlm_initiator_socket<> socket;
    std::deque<Job> jobs;
    sc_core::sc_time start{0, sc_core::SC_NS};
    sc_core::sc_time response_time{20, sc_core::SC_NS};
    int alive = 0;  ///< payloads that somebody holds

    ~ForeignInitiator() override {
        while (!owners_.empty()) free(owners_.begin()->first);  // what was never answered
    }

private:
    void send() {
        if (sc_core::sc_time_stamp() < start) {
            send_event_.notify(start - sc_core::sc_time_stamp());
            return;
        }
        if (next_ == jobs.size() || requesting_) return;
        Job& job = jobs[next_++];
        job.begun = sc_core::sc_time_stamp();
        auto* payload = new ::tlm::tlm_generic_payload(this);
        payload->acquire();
        ++alive;
        payload->set_command(job.command);
        payload->set_address(job.address);
        payload->set_data_ptr(job.data.data());
        payload->set_data_length(static_cast<unsigned int>(job.data.size()));
        payload->set_streaming_width(job.streaming_width != 0 ? job.streaming_width : payload->get_data_length());
        if (!job.byte_enable.empty()) {
            payload->set_byte_enable_ptr(job.byte_enable.data());
            payload->set_byte_enable_length(static_cast<unsigned int>(job.byte_enable.size()));
        }
        owners_[payload] = &job;
        ::tlm::tlm_phase phase = ::tlm::BEGIN_REQ;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        requesting_ = true;
        const ::tlm::tlm_sync_enum answer = socket->nb_transport_fw(*payload, phase, delay);
        if (answer == ::tlm::TLM_COMPLETED) {
            finish(*payload, delay);
        } else if (answer == ::tlm::TLM_UPDATED) {
            EXPECT_EQ(phase, ::tlm::END_REQ);
            requesting_ = false;
        }
        if (!requesting_) send_event_.notify(sc_core::SC_ZERO_TIME);
    }
    ::tlm::tlm_sync_enum nb_transport_bw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override {
        if (phase == ::tlm::END_REQ) {
            requesting_ = false;
            send_event_.notify(delay);
            return ::tlm::TLM_ACCEPTED;
        }
        EXPECT_EQ(phase, ::tlm::BEGIN_RESP);
        EXPECT_EQ(responding_, nullptr) << "response exclusion rule";
        responding_ = &payload;
        finish(payload, delay);
        end_response_event_.notify(delay + response_time);
        return ::tlm::TLM_ACCEPTED;
    }
    void end_response() {
        ::tlm::tlm_generic_payload& payload = *responding_;
        responding_ = nullptr;
        ::tlm::tlm_phase phase = ::tlm::END_RESP;
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->nb_transport_fw(payload, phase, delay);
        payload.release();
    }
    void finish(::tlm::tlm_generic_payload& payload, const sc_core::sc_time& delay) {
        Job& job = *owners_.at(&payload);
        job.done = sc_core::sc_time_stamp() + delay;
        job.status = payload.get_response_status();
    }
    void free(::tlm::tlm_generic_payload* payload) override {
        --alive;
        owners_.erase(payload);
        delete payload;
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}

    std::size_t next_ = 0;
    bool requesting_ = false;
    ::tlm::tlm_generic_payload* responding_ = nullptr;
    std::map<::tlm::tlm_generic_payload*, Job*> owners_;
    sc_core::sc_event send_event_;
    sc_core::sc_event end_response_event_;
};

/// A bus of somebody else between two of our parts: forwards everything, takes 3 ns each way, adds to the address.
class ForeignBridge : public sc_core::sc_module,
                      private ::tlm::tlm_fw_transport_if<>,
                      private ::tlm::tlm_bw_transport_if<> {
public:
    explicit ForeignBridge(const sc_core::sc_module_name& name) : sc_module(name), in("in"), out("out") {
        in.bind(*this);
        out.bind(*this);
    }

    ::tlm::tlm_target_socket<> in;
    ::tlm::tlm_initiator_socket<> out;
    sc_dt::uint64 offset = 0;

private:
    ::tlm::tlm_sync_enum nb_transport_fw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override {
        if (phase == ::tlm::BEGIN_REQ) {
            payload.set_address(payload.get_address() + offset);
            delay += sc_core::sc_time(3, sc_core::SC_NS);
        }
        return out->nb_transport_fw(payload, phase, delay);
    }
    ::tlm::tlm_sync_enum nb_transport_bw(::tlm::tlm_generic_payload& payload, ::tlm::tlm_phase& phase,
                                         sc_core::sc_time& delay) override {
        if (phase == ::tlm::BEGIN_RESP) delay += sc_core::sc_time(3, sc_core::SC_NS);
        return in->nb_transport_bw(payload, phase, delay);
    }
    void b_transport(::tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override {
        payload.set_address(payload.get_address() + offset);
        out->b_transport(payload, delay);
    }
    unsigned int transport_dbg(::tlm::tlm_generic_payload& payload) override {
        payload.set_address(payload.get_address() + offset);
        return out->transport_dbg(payload);
    }
    bool get_direct_mem_ptr(::tlm::tlm_generic_payload&, ::tlm::tlm_dmi&) override { return false; }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
};

}  // namespace smmusim::test
