"""The notebooks of the course and the claims they measure, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NOTEBOOKS = (
    "00_start_here",
    "01_cnn_vs_vit",
    "02_patch_embedding",
    "03_attention",
    "04_positional_embedding",
    "05_hybrids",
    "06_clip",
    "07_temperature",
    "08_siglip",
    "09_batch_size",
    "10_zero_shot",
    "11_embedding_space",
    "12_into_the_vlm",
    "13_real_models",
    "14_self_supervised",
    "15_words_for_a_real_encoder",
    "16_any_size",
    "17_why_it_fails",
)


@dataclass(frozen=True)
class Claim:
    """One statement that the course checks.

    Attributes:
        statement: what is commonly taught, in one sentence.
        truth: what is known to be true, with the limits.
        source: where that is stated.
        notebooks: where it is measured or cited; the first is the one `claim` assumes.
        rivals: what else could produce the same number, a short name → one sentence. A measured
            claim has at least one, and its cells measure the control that rules each out.
    """

    id: str
    statement: str
    truth: str
    source: str
    notebooks: tuple[str, ...]
    rivals: Mapping[str, str] = field(default_factory=dict)


_VIT = "Dosovitskiy et al. 2021, An Image is Worth 16x16 Words"
_CLIP = "Radford et al. 2021, Learning Transferable Visual Models (CLIP)"
_SIGLIP = "Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training"

_LIT = "Zhai et al. 2022, LiT: Zero-Shot Transfer with Locked-image text Tuning (2111.07991)"

_ALL = (
    # --- convolution and attention ---
    Claim(
        "A1",
        "Convolution is translation-equivariant",
        "Exact away from the border and for shifts that are multiples of the stride; "
        "pooling and stride break it for all other shifts.",
        "follows from the definition; Zhang 2019, Making Convolutional Networks Shift-Invariant",
        ("01_cnn_vs_vit",),
        {
            "the border": "Pixels that leave the picture could make the error, whatever the stride is.",
            "a measure that cannot see": "An error divided by a large enough spread looks small for every layer.",
            "random weights": "Training could have made a network equivariant although its layers are not.",
        },
    ),
    Claim(
        "A2",
        "Small kernels suffice: a deep stack of them sees far",
        "The theoretical receptive field grows linearly with depth, "
        "the effective one like its square root.",
        "Luo et al. 2016, Understanding the Effective Receptive Field",
        ("01_cnn_vs_vit", "05_hybrids"),
        {
            "the border cuts the field": "A field near the border of a small picture cannot be wider than the picture.",
            "training alone": "The width could come from what was learned, not from the depth.",
        },
    ),
    Claim(
        "A3",
        "A CNN does better on little data, a ViT overtakes it on much",
        "ResNets win with ImageNet pre-training and the ViT with 303 million images; "
        "ViT-B/32 is behind ResNet-50 at 9 million and ahead from 90 million.",
        f"{_VIT}, §4.3 and Fig. 4",
        ("01_cnn_vs_vit", "05_hybrids"),
        {
            "trained too short": "A network that was stopped early looks worse than it is.",
            "an unfit learning rate": "A rate that suits one network punishes another.",
            "no room at the top": "Near 100% every lead in points is small, whatever the data have done.",
        },
    ),
    Claim(
        "A4",
        "Long-range relations are hard for a CNN and easy for a ViT",
        "Some heads look across the whole image in the lowest layers, others stay local: "
        "that the first layer sees everything holds for some heads only.",
        f"{_VIT}, Fig. 7",
        ("01_cnn_vs_vit", "03_attention"),
        rivals={
            "looks everywhere alike": "A head that makes no difference between the patches has a "
            "large attention distance as well, and so has an untrained one.",
            "any cut hurts": "A network whose attention is cut after training loses whatever is cut.",
            "content, not place": "In a photograph what looks alike lies close by, so a head that asks for "
            "similar content looks near as well.",
            "stopped too early": "A network that has not been trained to the end may change where it "
            "looks.",
            "the head": "A linear head cannot combine two colours, even where the features hold both.",
            "a window that sees both": "Objects that are not far enough apart fit into one local window.",
            "a network that learns nothing": "A network that cannot learn any question fails at this one, too.",
            "places added up": "Patches that know their place could vote one by one, without any relation.",
            "too few steps": "A network that fails, or lags behind, may only need more steps.",
        },
    ),
    Claim(
        "A5",
        "A kernel slides and overlaps, a patch lies on a fixed grid",
        "Right; and a patch embedding is itself a convolution whose stride equals its kernel.",
        f"{_VIT}, §3.1",
        ("01_cnn_vs_vit",),
        {
            "the size, not the stride": "A large kernel by itself could be what ends the overlap.",
        },
    ),
    Claim(
        "A6",
        "A hybrid feeds the feature map of a CNN to a transformer as tokens",
        "Right: a 1x1 convolution on a ResNet's feature map replaces the patch embedding.",
        f"{_VIT}, §3.1; timm vit_base_r50_s16_224",
        ("05_hybrids",),
        {
            "a patch embedding in disguise": "A token could still depend on its own patch alone, as that of a pure ViT does.",
            "another model than the published one": "Tokens of the right shape do not make it the hybrid of the paper.",
        },
    ),
    Claim(
        "A7",
        "ConvNeXt is a CNN built by the recipe of the ViT",
        "Right: LayerNorm, GELU, large depthwise kernels, fewer activations, "
        "patch-like downsampling.",
        "Liu et al. 2022, A ConvNet for the 2020s",
        ("05_hybrids",),
        {
            "another block than the published one": "A block of our own could have these properties and not be ConvNeXt's.",
            "the start, not the block": "Initial weights that are too small for a narrow network look like a bad block.",
            "an unfit learning rate": "A block whose best rate lies beyond those that were tried looks worse than it is.",
        },
    ),
    Claim(
        "A8",
        "Swin computes attention inside windows and shifts them",
        "Right; with a relative position bias, at a cost linear in the number of patches.",
        "Liu et al. 2021, Swin Transformer",
        ("05_hybrids",),
        {
            "edges that meet by the roll": "The roll alone would connect opposite edges of the picture.",
            "another block than the published one": "A block of our own could have these properties and not be Swin's.",
        },
    ),
    Claim(
        "A9",
        "Vision-language models mostly use a plain ViT, such as CLIP's ViT-L/14 or H/14",
        "Right until 2024, with SigLIP SO400M/14 and InternViT beside CLIP's. Since then there are "
        "also a MobileNet (Gemma 3n), FastViT (FastVLM), DaViT (Florence-2) and windows (Qwen2.5-VL).",
        "model cards of LLaVA-1.5, LLaVA-OneVision and InternVL; configurations in transformers",
        ("13_real_models",),
    ),
    Claim(
        "A10",
        "Where a ViT attends is what its output depends on",
        "Attention says where information may have come from in one layer. What an output depends on "
        "is found by taking it away.",
        "Jain and Wallace 2019, Attention is not Explanation; Serrano and Smith 2019, Is Attention "
        "Interpretable?; Wiegreffe and Pinter 2019, Attention is not not Explanation",
        ("03_attention",),
        {
            "any picture": "Most photographs are alike in where things are, so any map might agree a little.",
            "any network": "The architecture alone, with weights that have learned nothing, might give such a map.",
            "the middle": "What matters in a photograph stands in the middle, and a map may only point there.",
            "plain contrast": "Regions full of contrast may be attended and needed, whatever the network computes.",
            "an unnatural gap": "A picture with tokens left out is none that the network has ever seen.",
        },
    ),
    # --- patch embedding ---
    Claim(
        "B1",
        "224 / 16 = 14: an image becomes 196 patches of 768 values, 197 tokens with CLS",
        "Right.",
        f"{_VIT}, §3.1",
        ("02_patch_embedding",),
        {
            "the width of ViT-B": "ViT-B happens to be 768 wide: the number could be the model's, not the patch's.",
        },
    ),
    Claim(
        "B2",
        "Flatten and multiply equals a convolution whose kernel and stride are the patch size",
        "Exactly, once the weights are reshaped.",
        f"{_VIT}, §3.1; timm PatchEmbed",
        ("02_patch_embedding",),
        {
            "numbers near zero": "If all outputs were tiny, any two layers would agree.",
            "another order of values": "Any order inside a patch might do.",
        },
    ),
    Claim(
        "B3",
        "Patches of 14 pixels are finer than patches of 16",
        "256 tokens instead of 196, for about 1.7 times the cost of the attention matrix.",
        "arithmetic",
        ("02_patch_embedding",),
        {
            "the linear layers": "Most of the work is outside the attention matrix, so the whole need not grow like it.",
            "one call of a busy machine": "A single timing measures what else the machine did.",
        },
    ),
    Claim(
        "B4",
        "The output at the CLS token stands for the image",
        "It is one choice; the mean over the patches works as well: "
        "the reported gap came from the learning rate.",
        f"{_VIT}, appendix D.3",
        ("02_patch_embedding",),
        {
            "learning rate": "One of the read-outs may only have got the better learning rate.",
            "never trained to be read there": "The CLS token may hold the image whether or not anything is read from it.",
            "unfinished training": "A network that was stopped early looks worse than it is.",
        },
    ),
    Claim(
        "B5",
        "SigLIP has no CLS token and uses global average pooling",
        "No CLS token is right; average pooling is wrong for the released weights, "
        "which pool by attention (a MAP head).",
        "timm vit_base_patch16_siglip_224 (global_pool='map'), vit_base_patch16_siglip_gap_224",
        ("02_patch_embedding", "13_real_models"),
        {
            "the other variant": "timm has two SigLIPs of this size, and one of them averages.",
            "a label without weights": "The word map could stand for a mean that has nothing to learn.",
        },
    ),
    Claim(
        "B6",
        "Every image is first resized to 224x224",
        "CLIP resizes the shorter side and crops the centre; SigLIP squashes the image.",
        "the preprocessing of open_clip for both families",
        ("02_patch_embedding", "13_real_models"),
        {
            "a square picture": "A picture that is square already shows no difference between the two ways.",
            "the library, not the model": "Another library may prepare the same weights in another way.",
        },
    ),
    # --- positional embedding ---
    Claim(
        "C1",
        "Self-attention knows no order",
        "Exactly permutation-equivariant.",
        "follows from the definition; Vaswani et al. 2017, Attention Is All You Need",
        ("04_positional_embedding",),
        {
            "outputs near zero": "If the outputs were tiny, every two would be alike.",
            "no effect of positions": "The network might ignore any position, too.",
        },
    ),
    Claim(
        "C2",
        "A one-dimensional position embedding is simple but ignores the two-dimensional layout",
        "A learned one learns the layout. ImageNet 5-shot: none 61.4, 1D 64.2, 2D 64.0, "
        "relative 64.0: whether there is one matters, which one hardly.",
        f"{_VIT}, appendix D.4",
        ("04_positional_embedding",),
        {
            "no training": "The table might look like that before any training.",
            "stretched when trained": "A table that was interpolated for larger pictures has similar neighbours "
            "for that reason alone.",
            "the sequence": "Neighbours in the sequence might be alike, not neighbours in the image.",
            "a worse answer": "It might learn the layout and still answer worse than a two-dimensional table.",
            "unfinished training": "A network that was stopped early looks worse than it is.",
        },
    ),
    Claim(
        "C3",
        "A two-dimensional position embedding encodes row and column",
        "Right: fixed sines and cosines, or two learned tables.",
        "Chen et al. 2021 (MoCo v3); He et al. 2022 (MAE); timm build_sincos2d_pos_embed",
        ("04_positional_embedding",),
        {
            "a flat background": "The pictures, their border or the place within a patch could tell where an object is.",
            "any table of names": "Vectors without any geometry might do as well.",
            "unfinished training": "A network that was stopped early looks worse than it is.",
        },
    ),
    Claim(
        "C4",
        "Rotary embeddings extend to two dimensions naturally",
        "Right, axis by axis and with no absolute table. From 224 to 384 pixels (ViT-B, ImageNet-1k, top-1): "
        "absolute 83.4 to 82.8, axial 83.6 to 83.9, mixed 83.8 to 84.4.",
        "Heo et al. 2024, Rotary Position Embedding for Vision Transformer",
        ("04_positional_embedding",),
        {
            "a pooled score": "One score for both questions can hide that one of them is lost.",
            "the border": "A patch near the border has neighbours on one side only: that alone tells absolute places.",
            "the class token": "It stands at a fixed place, so it reads absolute places even from offsets.",
            "a larger picture": "At another size the patches themselves may look different.",
            "unfinished training": "A network that was stopped early looks worse than it is.",
        },
    ),
    Claim(
        "C5",
        "A learned position table can be resized for another size of picture",
        "Right: interpolated like an image, in two dimensions. DINOv2's own code does so for every size "
        "but the one it was made for.",
        f"{_VIT}, §3.2; Oquab et al. 2023, DINOv2",
        ("04_positional_embedding",),
        {
            "any table will do": "A network might hardly use its positions, and do as well with any.",
            "cutting does as well": "The part of the table that fits could simply be kept.",
            "the place alone": "Features that only name their place would find each other in any two pictures.",
            "any network": "Random weights keep the colours of a patch, and colours alone may find it again.",
        },
    ),
    # --- CLIP ---
    Claim(
        "D1",
        "Two encoders share one space, in which the cosine tells how well image and text match",
        "Right; but the cosines of CLIP's matched pairs are only about 0.2 to 0.35, "
        "and images and texts lie apart (the modality gap).",
        f"{_CLIP}; Liang et al. 2022, Mind the Gap",
        ("06_clip", "11_embedding_space"),
        rivals={
            "one fact is enough": "A model that knows the colours alone would also tell most captions that fit from most that do not.",
            "the distance of any two samples": "The means of two random halves of one cloud differ as well.",
        },
    ),
    Claim(
        "D2",
        "A batch of N pairs gives N positives and N² - N negatives",
        "The count is exact; but captions that leave things out are true of other pictures, too, "
        "so that some of the N² - N are false negatives.",
        f"{_CLIP}, §2.3",
        ("06_clip",),
        rivals={
            "the same sentence twice": "Two pictures may have the same caption word for word, which a batch could avoid.",
            "a count that calls everything true": "A count that is too generous finds false negatives everywhere.",
        },
    ),
    Claim(
        "D3",
        "InfoNCE is computed in both directions and halved",
        "Right; the figure in the paper names the axes the other way round, the sum is the same.",
        f"{_CLIP}, Fig. 3",
        ("06_clip",),
        rivals={
            "one direction alone gives the same number": "On a symmetric batch the rows alone would give the same loss.",
            "the two directions are added": "The sum has the same smallest point as the mean.",
        },
    ),
    Claim(
        "D4",
        "The temperature is learned and starts at 0.07",
        "Stored as logit_scale = ln(1/0.07); the scale is clipped at 100. It moves slowly: in a short "
        "training it stays near its start.",
        f"{_CLIP}, §2.5",
        ("06_clip",),
        rivals={
            "drift without an aim": "An optimizer moves any weight; where the scale stops may have nothing to do with the loss.",
            "the optimizer's own pace": "A scale that stays where it was may only have had too few steps.",
            "one learning rate": "At another learning rate the starts might not meet.",
        },
    ),
    Claim(
        "D5",
        "A small temperature attends to the hard negatives, a large one to all alike",
        "Right: the gradient on a negative is its share of the softmax. At a temperature of 1 the "
        "hardest negative still gets more than an equal part.",
        "Wang and Liu 2021, Understanding the Behaviour of Contrastive Loss",
        ("07_temperature",),
        rivals={
            "a formula that is not the gradient": "The share of the softmax could differ from what training does.",
            "only a trained matrix does this": "The concentration could come from the trained cosines, not from the temperature.",
            "one learning rate for all": "A temperature that trains badly may only have had the wrong learning rate.",
            "false negatives": "A small temperature may lose because its hardest negatives are none.",
        },
    ),
    Claim(
        "D6",
        "Larger batches help; CLIP used 32,768 pairs",
        "Right: 32,768 pairs a batch, 400 million pairs, 32 epochs.",
        f"{_CLIP}, §2.5",
        ("09_batch_size",),
        {
            "fewer steps": "At equal samples a larger batch takes fewer steps, so it is stopped earlier.",
            "more passes": "At equal steps a larger batch goes through the same pairs more often, which may be what helps.",
            "one learning rate": "A rate that suits one batch size punishes another.",
        },
    ),
    Claim(
        "D7",
        "CLIP was trained on 512 GPUs",
        "Wrong: 592 V100 for RN50x64 (18 days), 256 V100 for ViT-L/14 (12 days).",
        f"{_CLIP}, §2.5",
        ("13_real_models", "09_batch_size"),
    ),
    Claim(
        "D8",
        "Noisy captions still teach when there are enough of them",
        "Right, though the captions that are right teach more without the others.",
        "Jia et al. 2021 (ALIGN); " + _CLIP,
        ("06_clip",),
        rivals={
            "the locked encoder knows it already": "Features taught with labels might retrieve without any captions.",
            "the right pairs alone would do": "The clean half of the captions could be all that matters.",
            "few pairs, whatever their captions": "750 pairs may be too few to learn from, noisy or not.",
            "stopped too early": "With more steps a noisy training might catch up, or learn the noise by heart.",
        },
    ),
    Claim(
        "D9",
        "Zero-shot classification: write prompts, take cosines, choose the largest",
        "Right.",
        f"{_CLIP}, §3.1",
        ("10_zero_shot",),
        rivals={
            "any ninety vectors": "Unit vectors could separate the classes whatever their sentences say.",
            "half of the answer": "Knowing the shape and guessing the colour is far above the chance of 1 in 90.",
            "the two words, on two objects": "Captions of two objects hold both words, and for a bag of words that is the combination.",
        },
    ),
    Claim(
        "D10",
        "Prompts with context, and ensembles of prompts, help",
        "ImageNet: one good prompt +1.3 points, 80 prompts another +3.5.",
        f"{_CLIP}, §3.1.4",
        ("10_zero_shot",),
        rivals={
            "any longer prompt": "More words could help by themselves, whether they are true or not.",
            "any average of prompts": "A mean of several vectors could help by being a mean, whatever they say.",
        },
    ),
    Claim(
        "D11",
        "CLIP understands combinations, such as which object has which colour, only in part",
        "It often behaves like a bag of words.",
        "Yuksekgonul et al. 2023, When and Why Vision-Language Models Behave like Bags-of-Words",
        ("10_zero_shot",),
        rivals={
            "blind to colours": "An encoder that sees no colours fails the swap test as well.",
            "the order of mention": "A preference for what is named first or last could hide what the model knows.",
            "lost in the image": "If the image vector did not hold the binding, no text encoder could ask for it.",
            "a probe that guesses": "A probe could prefer combinations that are frequent, without any picture.",
        },
    ),
    Claim(
        "D12",
        "Embeddings carry meaning, not pixels",
        "Right, as a tendency.",
        _CLIP,
        ("10_zero_shot",),
        rivals={
            "the network without training": "Patches and averages could ignore a place before any training.",
            "an encoder that notices nothing": "An encoder that gives all pictures one vector keeps every pair together.",
        },
    ),
    Claim(
        "D13",
        "The shared space makes a search engine, from text to images and back",
        "Right.",
        _CLIP,
        ("10_zero_shot",),
        rivals={
            "one fact is enough": "The colours of a picture could find its caption without anything else.",
            "a small gallery": "Among few pictures a guess is often right.",
        },
    ),
    Claim(
        "D14",
        "A small network on the frozen encoder makes a style classifier",
        "Right: 512 features, a hidden layer of 256, one output per style.",
        "a common recipe; compare the linear probe of " + _CLIP,
        ("10_zero_shot",),
        rivals={
            "the pixels are enough": "A few statistics of the raw pixels could tell the classes apart without an encoder.",
            "an encoder without training": "The features of a random network could be enough for a small head.",
            "the captions taught it": "The features could hold the styles only because captions named them.",
            "only what the encoder was taught": "The encoder was taught the styles with labels, and might be of little use for a task that it was never taught.",
        },
    ),
    Claim(
        "D15",
        "3x224x224 pixels become 196 tokens of 768, a CLS vector and 512 numbers; so does the text",
        "Right for the picture in B/16. The text has no patches and no CLS: 77 tokens of 512, of which "
        "the end-of-text token is read. B/16: the text tower has 12 layers, width 512, 8 heads, context 77 and "
        "49,408 words. The shared space of L/14 has 768 numbers.",
        f"{_CLIP}, §2.4; open_clip model configurations",
        ("06_clip",),
        rivals={
            "the sizes of one model only": "Numbers traced in one architecture need not hold for another.",
        },
    ),
    Claim(
        "D16",
        "The modality gap is left over from the cones of the random start",
        "Two random networks start with a gap. How much of it stays, or opens anew, depends on the "
        "loss (its temperature and its bias), and by Schrodi et al. on how much the captions tell.",
        "Liang et al. 2022, Mind the Gap; Schrodi et al. 2025, Two Effects, One Trigger",
        ("11_embedding_space",),
        rivals={
            "stopped too early": "Where training has not ended, the gap may only be on its way to zero.",
            "a model that learned nothing": "A gap of an untrained model would say nothing about training.",
            "the start decides": "All runs began with cones: without them the gap might not open at all.",
        },
    ),
    Claim(
        "D17",
        "A t-SNE map shows which clusters are wide and which lie far apart",
        "It does not: each point has a reach of its own, so widths are evened out, and distances "
        "between clusters often mean nothing.",
        "Wattenberg, Viégas and Johnson 2016, How to Use t-SNE Effectively",
        ("11_embedding_space",),
        rivals={
            "no map could show it": "Two dimensions might be too few for any map to keep widths and distances.",
            "an unlucky perplexity": "Another perplexity could show widths and distances as they are.",
        },
    ),
    Claim(
        "D18",
        "What a self-supervised encoder puts side by side belongs together",
        "Right within a photograph and between two views of it; between different photographs only "
        "for some things.",
        "Oquab et al. 2024, DINOv2; Amir et al. 2021, Deep ViT Features as Dense Visual Descriptors",
        ("11_embedding_space",),
        rivals={
            "the same pixels": "Patches of one object look alike, so raw pixels could find them as well.",
            "colour alone": "The mean colour of a patch could be all that is compared.",
            "place alone": "Whatever lies near in the picture mostly belongs to the same object, and a "
            "mirror leaves the row and the distance from the middle line as they are.",
            "any network of this shape": "The architecture could do this with random weights.",
            "only learning without labels": "A network that was taught with labels might do it as well.",
        },
    ),
    Claim(
        "D19",
        "Which mean and standard deviation the preprocessing uses hardly matters",
        "Close numbers cost some answers and some of the confidence; values on another scale cost most.",
        "timm's and transformers' preprocessing configurations; measured here",
        ("13_real_models",),
        rivals={
            "one photograph": "A single picture near the border of two classes could make the whole loss.",
            "more contrast": "Any picture with so much contrast could be hard.",
            "any slip": "Every mistake in the preprocessing could cost as much.",
        },
    ),
    Claim(
        "D20",
        "A head that attends to few patches has learned something",
        "Training narrows many heads; but larger random weights narrow them, too, so that narrow heads prove nothing.",
        "the entropy of attention is often shown as a sign of learning; measured here",
        ("13_real_models",),
        rivals={
            "training narrows nothing": "The heads could be narrow before any training.",
            "the size of the weights": "Larger queries and keys make every softmax sharper, whatever they say.",
            "the best of many heads": "Among 72 heads one may look anywhere by luck.",
        },
    ),
    # --- SigLIP ---
    Claim(
        "E1",
        "The sigmoid loss averages over N² pairs and subtracts the bias",
        "It divides by N. The paper's equation and its Algorithm 1 disagree on the sign of "
        "the bias; the code is log_sigmoid(z (t x·y + b)) with t = 10 and b = -10 at the start.",
        f"{_SIGLIP}, Eq. 1 and Algorithm 1; open_clip SigLipLoss",
        ("08_siglip",),
        {
            "only a factor": "A constant in front of the loss would be harmless, as Adam removes it.",
            "an error of ours": "The package's loss, which served as the measure, could be the wrong one.",
        },
    ),
    Claim(
        "E2",
        "Pairs are independent in the sigmoid loss: nothing is normalised over the batch",
        "Right; hence the ring over devices, one block at a time.",
        f"{_SIGLIP}, §3.3",
        ("08_siglip",),
        {
            "any loss would pass": "Perhaps InfoNCE passes the same test.",
            "a generous threshold": "Small changes of other entries could lie below the threshold.",
        },
    ),
    Claim(
        "E3",
        "The sigmoid loss is good at small batches, where softmax is bad",
        "The paper: clearly better below 16 thousand, nearly a tie at 32 thousand.",
        f"{_SIGLIP}, Tables 5 and 7",
        ("09_batch_size",),
        {
            "one learning rate": "A rate that suits one loss or batch size punishes another.",
            "stopped too early": "A lead after few samples may be gone after more.",
        },
    ),
    Claim(
        "E4",
        "The sigmoid loss learns far sooner with its bias than without",
        "(b, t) = (-10, 10) 63.0; no bias, 10: 62.0; (-10, 1) 61.0; (0, 10) 61.7; (0, 1) 53.7. "
        "sigmoid(-10), about 1/22,000, matches the share of positives at N = 22 thousand.",
        f"{_SIGLIP}, Table 4",
        ("08_siglip",),
        {
            "stopped too early": "A run that starts badly may only need more steps.",
            "the scale, not the bias": "The scale starts with the bias, and may be what counts.",
            "the speed of the bias": "A bias that starts at 0 may be late only because it moves as slowly as the weights.",
            "one learning rate": "A rate that suits one start punishes another.",
        },
    ),
    Claim(
        "E5",
        "SigLIP encoders make better VLMs; LLaVA-NeXT and InternVL use them",
        "LLaVA-NeXT (January 2024) used CLIP-L/14-336, LLaVA-OneVision uses SigLIP SO400M, "
        "InternVL its own InternViT. That a SigLIP makes the better VLM has been seen, with more "
        "pixels at the same time.",
        "model cards of LLaVA-NeXT, LLaVA-OneVision and InternVL",
        ("13_real_models",),
    ),
    # --- into the VLM ---
    Claim(
        "F1",
        "CLS stands for the whole picture, so a language model can read that one vector",
        "CLS says what is there, not where; VLMs take the patch tokens. LLaVA-NeXT takes the layer "
        "before the last without CLS; LLaVA-OneVision deletes the last block of its SigLIP, and so "
        "takes the layer before the last as well.",
        "transformers, llava_next and llava_onevision (num_hidden_layers 26 of 27)",
        ("12_into_the_vlm",),
        rivals={
            "the reader cannot say it": "A reader of another kind may find the place in CLS.",
            "more numbers": "The patches hold 64 times as many numbers as CLS.",
            "this encoder": "The CLS of an encoder that was trained otherwise may hold the place.",
        },
    ),
    Claim(
        "F2",
        "A trained connector lets a language model see what the encoder saw",
        "A connector maps the patch tokens to the width of the language model: a two-layer MLP "
        "(LLaVA-1.5), a resampler, or pixel-shuffle. Whether it must be trained depends on whether "
        "the language model learns beside it.",
        "Liu et al. 2023, Improved Baselines with Visual Instruction Tuning",
        ("12_into_the_vlm",),
        rivals={
            "habit": "A language model answers many questions well without looking.",
            "the decoder does the work": "A language model that learns may read any fixed "
            "projection of the tokens, so that the connector need not be trained.",
            "one learning rate": "Another learning rate could make the trained connector the better one.",
        },
    ),
    # --- self-supervision ---
    Claim(
        "G1",
        "Learning from two views alone collapses; a regulariser prevents it",
        "Equal answers for all pictures are the best answer to two views alone. DINO prevents it by "
        "centring and sharpening the answers of a teacher, LeJEPA by asking that the embeddings look "
        "normal in every direction (SIGReg), with no teacher.",
        "Caron et al. 2021, DINO (2104.14294); Balestriero and LeCun 2025, LeJEPA (2511.08544)",
        ("14_self_supervised",),
        {
            "too few steps": "A collapsed network might spread out again if it were trained longer.",
            "an unfit learning rate": "Another rate might not collapse.",
            "an untrained network": "Features that nobody trained may tell as much as those of two views.",
        },
    ),
    Claim(
        "G2",
        "Rebuilding hidden patches teaches what a picture is made of",
        "MAE: fine-tuned it is strong; a linear probe of its features is behind that of contrastive "
        "learning. 75% hidden is best for both.",
        "He et al. 2022, Masked Autoencoders (2111.06377), Fig. 5 and Table 3",
        ("14_self_supervised",),
        {
            "painting in the local colour": "Hidden patches could be filled with the colours near by, "
            "without any idea of what is in the picture.",
            "hand-crafted features": "The colours of the patches, or edges, may tell the shape as well, "
            "without any network.",
            "an untrained network": "Features that nobody trained may tell as much.",
        },
    ),
    Claim(
        "G3",
        "Patch features of DINOv2 find parts and correspondences with no label",
        "Right: linear layers on frozen patch features reach good segmentation, and nearest patches "
        "match parts between pictures.",
        "Oquab et al. 2023, DINOv2 (2304.07193), §7.4 and §7.5",
        ("14_self_supervised",),
        {
            "colour alone": "An object may be told from its ground by the colours of its patches.",
            "position alone": "An object may be told by where it is, and so may the patch that fits.",
            "colour and position": "Both together may tell an object that neither tells alone.",
            "random weights": "The architecture alone, untrained, may give features that do as well.",
        },
    ),
    Claim(
        "G4",
        "A ViT keeps artefact tokens: few patches of very high norm, in empty places",
        "Seen in the larger models that were trained long (DINOv2 L and g, OpenCLIP, DeiT-III), not in "
        "the small ones. Registers remove them, trained or by moving a few neurons' activations.",
        "Darcet et al. 2023, Vision Transformers Need Registers (2309.16588); Jiang et al. 2025 (2506.08010)",
        ("14_self_supervised",),
        {
            "a blind detector": "A test that finds no outlier anywhere would prove nothing.",
            "too small a picture": "Fewer patches may leave no room for them.",
            "any ViT": "What is seen may belong to every ViT, and not to what DINOv2 has learned.",
        },
    ),
    # --- words for a real encoder ---
    Claim(
        "H1",
        "A locked image tower and a trained text tower name things never seen in training",
        "LiT names ImageNet's classes without one labelled example (85.2% with ViT-g/14). Its text "
        "tower had read billions of captions: the use of the words was new, not the words. A text "
        "tower that starts from nothing names new things by the words that it has learned.",
        _LIT,
        ("15_words_for_a_real_encoder",),
        {
            "words that were seen": "An unseen thing may be found by a word that its name shares with seen names.",
            "drawings that were nearly seen": "A nearly equal drawing in the training is as good as the thing itself.",
            "chance": "A tower that learned nothing finds one name in 158, or more if it favours some.",
        },
    ),
    Claim(
        "H2",
        "The better the locked features, the better the words",
        "In LiT, models with better features on ImageNet read better, with exceptions: which "
        "pre-training it was matters too.",
        f"{_LIT}, Fig. 4",
        ("15_words_for_a_real_encoder",),
        {
            "the size of the pictures": "An encoder that learned on large pictures may suffer from "
            "small ones, and one that sees more pixels may read better for that alone.",
            "how many numbers": "Features of more numbers hold more, however good they are.",
            "where it is read": "The pocket encoder's joint vector lies behind a projection that "
            "learned captions of shapes; the two others are read before any head.",
            "stopped too early": "Towers that start untrained may only need more steps.",
        },
    ),
    Claim(
        "H3",
        "Two languages that were learned from the same pictures share one space",
        "A shared picture is the bridge: no dictionary is needed. Pictures of their own for each "
        "language are enough, though shared ones are better.",
        "Gella et al. 2017, Image Pivoting (1707.07601); Kádár et al. 2019, Bootstrapping Disjoint Datasets",
        ("15_words_for_a_real_encoder",),
        {
            "letters in common": "Names that share digits or Latin letters agree without any picture.",
            "one language is enough": "A tower that learned English might find Korean names by itself.",
            "the same pictures": "The bridge could need pictures that are named in both languages, or twins that are.",
            "chance": "Among 158 names a blind guess is sometimes right.",
        },
    ),
    Claim(
        "H4",
        "Words learned from drawings carry over to other styles and to photographs",
        "Hardly, with so little data: CLIP is robust because its 400 million pairs hold every style.",
        f"{_CLIP}, §3.3; Fang et al. 2022, Data Determines Distributional Robustness in CLIP",
        ("15_words_for_a_real_encoder",),
        {
            "the lines do not show it": "Without its colours a drawing may not tell what it is.",
            "centred on another style": "Only the mean that is taken off could belong to the wrong style.",
            "the encoder does not know it": "The features of a photograph could lack what it shows.",
            "chance": "Among so many names, a few are found by accident.",
        },
    ),
    # --- any size ---
    Claim(
        "I1",
        "Pictures of many sizes can share one sequence",
        "With a mask that lets each picture see itself alone, and positions by row and column in its "
        "own grid, each one gives what it gives by itself.",
        "Dehghani et al. 2023, NaViT (2307.06304), §2; Tschannen et al. 2025, SigLIP 2 (2502.14786), §2.4.2",
        ("16_any_size",),
        {
            "a mask that does nothing": "If pictures hardly disturbed each other anyway, equality would "
            "say nothing about the mask.",
            "one mistake in both": "Packed and alone run through the same code, which may be wrong twice.",
        },
    ),
    Claim(
        "I2",
        "Squashing a picture to a square does no harm",
        "It loses the ratio of the sides and what depends on it. SigLIP 2's NaFlex gains most over its "
        "fixed squares where shapes count: on text, documents and screens.",
        "Tschannen et al. 2025, SigLIP 2 (2502.14786), §3.1 and Fig. 3",
        ("16_any_size",),
        {
            "fewer pixels": "A squashed picture may fail because it shows less, not because of its ratio.",
            "distorted shapes": "Distorted pictures may be harder to learn from, whatever is asked.",
            "a trace in the edges": "Shrunk more in one direction than in the other, a picture could "
            "keep a trace of its ratio in the blur of its edges, and a better reader would find it.",
        },
    ),
    Claim(
        "I3",
        "Half of a ViT's tokens can be merged for a fraction of a point",
        "ToMe: twice the throughput for 0.2 to 0.3 points of ImageNet with the largest ViTs, without "
        "any training.",
        "Bolya et al. 2023, Token Merging: Your ViT But Faster (2210.09461), §4.2",
        ("16_any_size",),
        {
            "any merging": "An encoder may have so many tokens that any half of them will do.",
            "plain paper": "In drawings most patches are empty ground, and merging those is free.",
        },
    ),
    Claim(
        "I4",
        "Attention in windows makes the cost linear in the pixels",
        "Within the windows, yes. Qwen2.5-VL keeps whole attention in 4 of its 32 blocks, whose share "
        "grows with the picture.",
        "Bai et al. 2025, Qwen2.5-VL (2502.13923), §2.1.1",
        ("16_any_size",),
        {
            "the linear layers": "The other layers are linear in the pixels anyway, and could hide how "
            "attention grows.",
            "one call of a busy machine": "A single timing measures what else the machine did.",
        },
    ),
    Claim(
        "I5",
        "A picture costs a language model a fixed number of tokens",
        "576 in LLaVA-1.5 and 256 in FastVLM at 1,024 pixels. In LLaVA-NeXT it depends on the ratio, and "
        "in Qwen2.5-VL and Qwen3-VL on the pixels.",
        "the authors' papers and configurations; see `BUDGETS` in vizkit/models/budgets.py",
        ("16_any_size",),
        {
            "a rule on paper": "A formula can miss what the cutting of a real picture does.",
            "one odd size": "Sizes chosen for the purpose could make a small difference look large.",
        },
    ),
    # --- why it fails ---
    Claim(
        "J1",
        "Captions decide whether a dual encoder learns which object has which color",
        "Few attributes, objects left out and a preference for the salient one each take binding "
        "away; hard negatives do not bring it back.",
        "Gurung et al. 2025, Common Data Properties Limit Object-Attribute Binding in CLIP (2507.07985)",
        ("17_why_it_fails",),
        {
            "twins in the batch": "Not the captions but how often a batch holds a scene and its twin could decide.",
            "too few steps": "Poor captions may only make learning slower.",
            "no colors at all": "An encoder that learned no colors fails the swap test as well.",
        },
    ),
    Claim(
        "J2",
        "Each tower knows the binding, and one linear map lets them meet",
        "CLIP behaves as a bag of words across its towers, while a linear probe reads the binding "
        "from each; a linear map of the text vectors brings much of it together.",
        "Koishigarina et al. 2025, CLIP Behaves like a Bag-of-Words Model Cross-modally but not "
        "Uni-modally (2502.03566)",
        ("17_why_it_fails",),
        {
            "a product": "Who has which color may be the product of two orders, which no linear probe can form.",
            "frequent combinations": "A probe may know which combinations are frequent, without any picture.",
            "any training": "More steps on such scenes could help without a twin in the batch.",
            "the map or the loss": "A linear map may be too little, or the loss the wrong one, whatever the "
            "sentence tells.",
            "the sentence form": "What learns may learn the one form of sentence that it is trained and tested with.",
        },
    ),
    Claim(
        "J3",
        'A contrastive encoder cannot count, and does not understand "no"',
        "Captions seldom tell a number or what is missing; one that learns from captions that do "
        'counts, and reads "no" where nothing else gives it away.',
        "Paiss et al. 2023, Teaching CLIP to Count to Ten (2302.12066); Alhamoud et al. 2025, "
        "Vision-Language Models Do Not Understand Negation (2501.09425)",
        ("17_why_it_fails",),
        {
            "silent captions": "Not the encoder but its captions, which hardly ever speak of it.",
            "too few steps": "What captions seldom tell may only be learned more slowly.",
            "few pictures": "What captions seldom tell is told of few pictures, perhaps too few to learn from.",
            "it cannot be seen": "The number may not be in the features of the picture.",
            "the inked area": "Who sees how much is inked can seem to count.",
            "a missing color": 'What comes along with "no" may be read in its place.',
        },
    ),
    Claim(
        "J4",
        "Pairs that the encoder cannot tell apart predict what its language model gets wrong",
        "Pairs that CLIP takes for alike and a vision-only encoder does not are hard for large "
        "language models with CLIP's eyes; whether the cosine predicts single errors is measured.",
        "Tong et al. 2024, Eyes Wide Shut? Exploring the Visual Shortcomings of Multimodal LLMs "
        "(2401.06209)",
        ("17_why_it_fails",),
        {
            "alike in pixels": "Pairs that differ in few pixels are hard, whatever the encoder says.",
            "hard for all": "Hard pairs may be hard for every model, with other eyes as well.",
            "luck": "Few pairs are told wrong, and any order fits some of them.",
        },
    ),
    Claim(
        "J5",
        "Words in the picture beat the picture, and few heads read them",
        "A written word changes CLIP's answer; heads that carry it can be found and switched off.",
        "Materzynska et al. 2022, Disentangling Visual and Written Concepts in CLIP (2206.07835); "
        "Hufe et al. 2025, Dyslexify (ICLR 2026)",
        ("17_why_it_fails",),
        {
            "any heads": "Any heads that are switched off could weaken the word as much.",
            "any heads of these layers": "Heads near the end may matter more, whichever they are.",
            "the strip hides the object": "The strip of paper could hide what the picture shows, or "
            "mislead without any word.",
        },
    ),
    Claim(
        "J6",
        "The score is a sum over heads and patches, which shows what the sentence is about",
        "The sum is exact for the attention heads' direct contributions; a patch that is looked at "
        "may carry what came from elsewhere.",
        "Gandelsman et al. 2024, Interpreting CLIP's Image Representation via Text-Based "
        "Decomposition (2310.05916)",
        ("17_why_it_fails",),
        {
            "any object": "A map may show where things are, whichever of them the sentence names.",
            "a simpler map": "Attention alone, or covering a patch, may find the object as well.",
            "no patch at all": "MLPs add to the score as well, and what they add lies on no patch.",
        },
    ),
    Claim(
        "J7",
        "A sparse autoencoder finds the factors that pictures are made of",
        "Its features are purer than neurons on natural images, judged by people or by another "
        "model; true factors are known only where pictures are drawn.",
        "Pach et al. 2025, Sparse Autoencoders Learn Monosemantic Features in Vision-Language "
        "Models (2504.02821)",
        ("17_why_it_fails",),
        {
            "the neurons": "The encoder's own channels could be as pure.",
            "many directions": "Among many random directions some fit by luck.",
            "it cannot be read": "The factor may not be in the tokens at all, or not linearly.",
            "stopped too early": "An autoencoder that is trained for longer could find more factors.",
        },
    ),
    Claim(
        "J8",
        "The best features are not at the end",
        "For most tasks a layer inside a contrastively trained encoder is better than its output; "
        "which layer depends on the task.",
        "Bolya et al. 2025, Perception Encoder: The best visual embeddings are not at the output of "
        "the network (2504.13181)",
        ("17_why_it_fails",),
        {
            "fewer numbers": "The joint vector has fewer numbers than a layer, and a probe may need "
            "numbers more than a better layer.",
            "the reading": "What is lost may be lost where the class token alone, or a mean of the "
            "patches, is read, not from layer to layer.",
            "any network": "A layer of an encoder that learned nothing may tell as much.",
            "one encoder": "It may be so in this one encoder alone.",
        },
    ),
    Claim(
        "J9",
        "One sparse feature is a handle on what a language model says it sees",
        "Features of an image encoder, turned up, change what LLaVA says; whether a plain direction "
        "would do as much, and what becomes of the rest of the sentence, has to be measured.",
        "Pach et al. 2025, Sparse Autoencoders Learn Monosemantic Features in Vision-Language "
        "Models (2504.02821)",
        ("17_why_it_fails",),
        {
            "any push": "A push as long in any direction may upset the answer.",
            "any feature": "Any feature that is as often active may do it.",
            "anywhere": "The feature may speak from any patch, not for the object that it is put on.",
            "a plain direction": "The difference of two mean tokens may do as much, without an autoencoder.",
            "stopped too early": "An autoencoder that is trained for longer could give the better handle.",
            "the whole sentence": "The push may garble the sentence and not only change one word.",
        },
    ),
)

CLAIMS: dict[str, Claim] = {claim.id: claim for claim in _ALL}
