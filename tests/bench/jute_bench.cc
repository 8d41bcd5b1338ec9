// What reading and writing the commonest records costs.

#include <benchmark/benchmark.h>

#include <string>

#include "jute/proto.h"
#include "jute/txn.h"

namespace paddock::jute {
namespace {

const std::string& Value() {
  static const std::string value(128, 'v');
  return value;
}

template <class R>
void WriteRecord(benchmark::State& state, const R& record) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    Write(record, &out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(out.size()));
}

template <class R>
void ReadRecord(benchmark::State& state, const R& record) {
  std::string bytes;
  Write(record, &bytes);
  for (auto _ : state) {
    R read;
    bool ok = Read(std::string_view(bytes), &read);
    benchmark::DoNotOptimize(ok);
    benchmark::DoNotOptimize(read);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(bytes.size()));
}

CreateRequest CreateOfOneKey() {
  return {"/bench/run-0000000001/key-0000001",
          Value(),
          {{kPermAll, {"world", "anyone"}}},
          0};
}

GetDataResponse ReplyToGet() { return {Value(), Stat{}}; }

void BM_ReadGetDataRequest(benchmark::State& state) {
  ReadRecord(state, GetDataRequest{"/bench/run-0000000001/key-0000001", true});
}
BENCHMARK(BM_ReadGetDataRequest);

void BM_ReadSetDataRequest(benchmark::State& state) {
  ReadRecord(state,
             SetDataRequest{"/bench/run-0000000001/key-0000001", Value(), -1});
}
BENCHMARK(BM_ReadSetDataRequest);

void BM_ReadCreateRequest(benchmark::State& state) {
  ReadRecord(state, CreateOfOneKey());
}
BENCHMARK(BM_ReadCreateRequest);

void BM_WriteReplyHeader(benchmark::State& state) {
  WriteRecord(state, ReplyHeader{1, 2, 0});
}
BENCHMARK(BM_WriteReplyHeader);

void BM_WriteStat(benchmark::State& state) { WriteRecord(state, Stat{}); }
BENCHMARK(BM_WriteStat);

void BM_WriteGetDataResponse(benchmark::State& state) {
  WriteRecord(state, ReplyToGet());
}
BENCHMARK(BM_WriteGetDataResponse);

void BM_WriteSetDataTxn(benchmark::State& state) {
  WriteRecord(state,
              SetDataTxn{"/bench/run-0000000001/key-0000001", Value(), 7});
}
BENCHMARK(BM_WriteSetDataTxn);

void BM_WriteChildren(benchmark::State& state) {
  GetChildrenResponse response;
  const std::string name = "key-0000001";
  response.children.assign(static_cast<size_t>(state.range(0)), name);
  WriteRecord(state, response);
}
BENCHMARK(BM_WriteChildren)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace paddock::jute
