"""The acoustic model: its network in Keras, its ONNX graph, and the bundle that carries both.

``network`` and ``onnx_graph`` are for training and export; transcription needs only ``bundle`` and ``inference``,
which import no Keras.
"""
