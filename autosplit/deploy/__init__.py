"""Plans made real: files of both halves, a server, a client, and the protocol between them.

| method | file |
| --- | --- |
| edge half in ONNX, QuantizeLinear and DequantizeLinear around layers (QDQ) | ``edge_onnx.py`` |
| the batch first in all that an edge half takes and sends | ``edge_module.py`` |
| clamps as ends of codes | ``clamp_windows.py`` |
| what an operator of quantization becomes in ONNX | ``quantize_operators.py`` |
| weights stored at their widths and unpacked by standard operators | ``onnx_unpack.py`` |
| cloud half in ONNX, which takes the packed bytes | ``cloud_onnx.py`` |
| export by torch.onnx, packing of constants | ``onnx_export.py`` |
| bundle: all files of a plan with their hashes | ``bundle.py``, ``manifest.py`` |
| values that a manifest must have | ``manifest_types.py`` |
| the README of a bundle | ``bundle_readme.py`` |
| names of files and tensors inside a bundle | ``bundle_names.py`` |
| configuration for Triton; files for MLServer and KServe | ``triton.py``, ``serving_files.py`` |
| both halves as programs of torch.export | ``pt2.py`` |
| the edge half for ExecuTorch and LiteRT | ``mobile_forms.py`` |
| the edge half's integers as a C header | ``c_header.py`` |
| the layer of an operator that ONNX does not take | ``operator_layers.py`` |
| predicted and real bytes | ``bundle_bytes.py`` |
| the halves as onnxruntime runs them, without torch | ``sessions.py`` |
| integers of the files against the exact reference | ``check.py`` |
| plans of a run folder | ``run.py`` |
| Open Inference Protocol v2: requests and answers as bytes | ``oip.py``, ``tensor_bytes.py`` |
| entropy-coded tensors as inputs of that protocol | ``coded_inputs.py`` |
| dynamic batching, bounded queue | ``batcher.py`` |
| models by name and version | ``repository.py`` |
| counts for Prometheus, lines of a log | ``server_metrics.py`` |
| the page that a server shows | ``status_page.py`` |
| TLS, bearer tokens | ``credentials.py`` |
| slow requests | ``slow_requests.py`` |
| HTTP and gRPC servers | ``http_server.py``, ``grpc_server.py``, ``server.py`` |
| the device's side: edge half, message, answer, times | ``client.py``, ``infer.py`` |
| the edge half of the next input runs while the last one is on the wire | ``ahead.py`` |
| that as one command, and as one file that a device runs | ``device.py``, ``device_archive.py`` |
| the link measured, plans that change with it | ``link_estimate.py``, ``adaptive.py`` |
| a device's connection to a server | ``connection.py`` |
| bytes to measure a link with; a link profile of them | ``link_probe.py``, ``link_profile.py`` |
| the edge answers where it is sure | ``escalation_rule.py``, ``escalate.py`` |
| some of these answers checked in the cloud | ``audit.py`` |
| pictures and arrays as inputs, without torch | ``pictures.py``, ``sources.py`` |
| models measured in a process of their own, without autosplit | ``measure_models.py`` |
| watts from the processor's energy counters (RAPL) | ``power.py`` |
| seconds of layers from those of nodes; names of nodes | ``node_seconds.py``, ``node_layers.py`` |
| what it costs that a tensor crosses | ``crossing_seconds.py`` |
| a device profile of these | ``profile.py`` |
| networks of the kit | ``kit_blocks.py``, ``kit_networks.py`` |
| the kit, and a profile fitted to it | ``kit.py`` |
| optional libraries | ``extras.py`` |

Import from the modules themselves; this file is light, so that a device needs no torch.
"""
